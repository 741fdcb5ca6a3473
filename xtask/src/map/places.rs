//! Places with a code of their own that the atlas draws as a part of another, or not at all.

/// Code, degrees north, degrees east: the capital, or the island itself.
pub const PLACES: [(&str, f64, f64); 14] = [
    ("BQ", 12.15, -68.27),
    ("BV", -54.42, 3.36),
    ("CC", -12.17, 96.83),
    ("CX", -10.45, 105.68),
    ("GF", 4.92, -52.31),
    ("GI", 36.14, -5.35),
    ("GP", 16.24, -61.53),
    ("MQ", 14.6, -61.07),
    ("RE", -20.88, 55.45),
    ("SJ", 78.22, 15.65),
    ("TK", -9.2, -171.85),
    ("UM", 19.28, 166.65),
    ("VA", 41.9, 12.45),
    ("YT", -12.78, 45.23),
];
