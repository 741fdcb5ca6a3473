//! JSON, as small as it can be had: a tree of values, and who wants one reads it from there. A
//! reader for each type, as serde makes them, would be a tenth of the page's download. Pure.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`, and what is not there.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written: nobody here reckons with fractions.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order of its names.
    Object(Vec<(String, Json)>),
}

/// Deeper than anything that the page reads.
const DEEPEST: u32 = 8;

impl Json {
    /// Reads `text`; `None` where it is not JSON from beginning to end. Nobody would read the reason.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader(text.as_bytes());
        let value = reader.value(DEEPEST)?;
        reader.space();
        reader.0.is_empty().then_some(value)
    }

    /// The value of this name in an object.
    pub fn get(&self, name: &str) -> &Json {
        let Json::Object(fields) = self else { return &Json::Null };
        fields.iter().find(|(field, _)| field == name).map_or(&Json::Null, |(_, value)| value)
    }

    /// A string.
    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number.
    pub fn whole(&self) -> Option<i64> {
        if let Json::Number(text) = self { text.parse().ok() } else { None }
    }

    /// The count of an event.
    pub fn count(&self) -> Option<u64> {
        if let Json::Number(text) = self { text.parse().ok() } else { None }
    }

    /// A group of visitors: nothing, or a small whole number. `None` for anything else.
    pub fn cohort(&self) -> Option<Option<i32>> {
        match self {
            Json::Null => Some(None),
            other => i32::try_from(other.whole()?).ok().map(Some),
        }
    }

    /// An array.
    pub fn list(&self) -> Option<&[Json]> {
        if let Json::List(list) = self { Some(list) } else { None }
    }
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    /// Goes past `sign` if it is what comes next.
    fn skip(&mut self, sign: u8) -> bool {
        self.space();
        let found = self.0.first() == Some(&sign);
        if found {
            self.next();
        }
        found
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        self.0 = self.0.strip_prefix(word.as_bytes())?;
        Some(value)
    }

    fn value(&mut self, depth: u32) -> Option<Json> {
        let depth = depth.checked_sub(1)?;
        self.space();
        match *self.0.first()? {
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => {
                self.next();
                let mut list = Vec::new();
                if !self.skip(b']') {
                    loop {
                        list.push(self.value(depth)?);
                        if self.skip(b']') {
                            break;
                        }
                        self.skip(b',').then_some(())?;
                    }
                }
                Some(Json::List(list))
            }
            b'{' => {
                self.next();
                let mut fields = Vec::new();
                if !self.skip(b'}') {
                    loop {
                        self.space();
                        let name = self.string()?;
                        self.skip(b':').then_some(())?;
                        fields.push((name, self.value(depth)?));
                        if self.skip(b'}') {
                            break;
                        }
                        self.skip(b',').then_some(())?;
                    }
                }
                Some(Json::Object(fields))
            }
            _ => {
                let mut number = String::new();
                while let Some(sign @ (b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) =
                    self.0.first()
                {
                    number.push(char::from(*sign));
                    self.next();
                }
                (!number.is_empty()).then_some(Json::Number(number))
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        (self.next()? == b'"').then_some(())?;
        let mut bytes = Vec::new();
        loop {
            let sign = match self.next()? {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => match self.next()? {
                    b'u' => {
                        let mut buffer = [0; 4];
                        let text = self.escaped()?.encode_utf8(&mut buffer);
                        bytes.extend_from_slice(text.as_bytes());
                        continue;
                    }
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'f' => 12,
                    sign @ (b'"' | b'\\' | b'/') => sign,
                    _ => return None,
                },
                0..=31 => return None,
                sign => sign,
            };
            bytes.push(sign);
        }
    }

    /// What stands after `\u`: a character, or the first half of one whose second half follows.
    fn escaped(&mut self) -> Option<char> {
        let first = self.unit()?;
        if let 0xD800..=0xDBFF = first {
            self.word("\\u", Json::Null)?;
            let second = self.unit()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
            return char::from_u32(0x10000 + ((first - 0xD800) << 10) + second);
        }
        char::from_u32(first)
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Number(a), Value::Number(b)) => *a == b.to_string(),
            (Json::Text(a), Value::String(b)) => a == b,
            (Json::List(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Json::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, value)| same(value, &b[name]))
            }
            _ => false,
        }
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_every_text_that_others_write(value in values()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert!(same(&Json::parse(&text).unwrap(), &value), "{}", text);
            }
        }

        #[test]
        fn never_fails_otherwise_than_by_saying_none(text in r#"[\[\]{},:"\\u0-9dDa-f. -]{0,40}"#) {
            let _whatever = Json::parse(&text);
        }
    }

    #[test]
    fn reads_no_more_and_no_less_than_the_whole() {
        assert_eq!(Json::parse(" [1, 2]\n").unwrap().list().unwrap()[1].count(), Some(2));
        assert_eq!(Json::parse(r#""\ud83d\ude00""#), Some(Json::Text("😀".to_owned())));
        assert_eq!(Json::parse("[1.5]").unwrap().list().unwrap()[0].count(), None);
        let deep = "[".repeat(9) + &"]".repeat(9);
        for bad in ["", "[1,2", "[1,2]]", "[1,]", "{,}", "<html>", r#""\ud83d""#, "nul", &deep] {
            assert_eq!(Json::parse(bad), None, "{bad}");
        }
    }
}
