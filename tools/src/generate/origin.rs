//! Where visitors come from: countries by their internet users, awake or asleep, over IPv4 or IPv6.
//!
//! With a geo database, addresses are drawn from its networks and their places looked up, as a relay
//! would. Without one, places come from a list of cities (`cities.txt`), and addresses are any.

use anyhow::{Context, ensure};
use geo_ip::Database;
use ipnet::IpNet;
use rand::{Rng, RngExt, distr::weighted::WeightedIndex};
use rand_distr::Distribution;
use schemas::Place;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
    path::Path,
};

/// Countries, their internet users, and their larger cities.
const CITIES: &str = include_str!("cities.txt");

/// Networks that are kept of each country and family: enough that the map does not look drawn.
const NETWORKS: usize = 200;

/// How active people are at each hour of their day.
const ACTIVITY: [f64; 24] = [
    0.25, 0.15, 0.1, 0.08, 0.08, 0.12, 0.25, 0.45, 0.65, 0.8, 0.85, 0.85, 0.9, 0.85, 0.8, 0.8,
    0.85, 0.9, 0.95, 1.0, 1.0, 0.9, 0.7, 0.45,
];

/// Shares of visitors, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    /// Those whose address is IPv6.
    pub ipv6: f64,
    /// Those whose address no database knows.
    pub unknown: f64,
    /// Those who sit in a private network.
    pub private: f64,
}

/// Where one visitor comes from.
pub struct Origin {
    /// What a relay makes of the address.
    pub place: Place,
    /// The address.
    pub address: IpAddr,
}

/// Where visitors come from.
pub struct Origins {
    shares: Shares,
    countries: Vec<Country>,
    weights: WeightedIndex<f64>,
    cities: Vec<Place>,
    database: Option<Database>,
}

struct Country {
    code: String,
    cities: Range<usize>,
    networks: [Networks; 2],
}

/// Some networks of a country and family, each with the same chance to be among them.
#[derive(Default)]
struct Networks {
    kept: Vec<IpNet>,
    seen: u64,
}

impl Origins {
    /// From the list of cities.
    pub fn built_in(shares: Shares) -> anyhow::Result<Self> {
        let (mut countries, mut users, mut cities) =
            (Vec::<Country>::new(), Vec::new(), Vec::new());
        for line in CITIES.lines().filter(|line| !line.starts_with('#')) {
            let (place, millions) = city(line).with_context(|| format!("cities.txt: {line}"))?;
            if countries.last().is_none_or(|country| country.code != place.country_code) {
                users.push(millions);
                countries.push(Country {
                    code: place.country_code.clone(),
                    cities: cities.len()..cities.len(),
                    networks: Default::default(),
                });
            }
            cities.push(place);
            if let Some(country) = countries.last_mut() {
                country.cities.end = cities.len();
            }
        }
        let weights = WeightedIndex::new(users)?;
        Ok(Self { shares, countries, weights, cities, database: None })
    }

    /// From the networks of a geo database.
    pub fn from_database(path: &Path, shares: Shares, rng: &mut impl Rng) -> anyhow::Result<Self> {
        let mut origins = Self::built_in(shares)?;
        let database = Database::open(path)?;
        let by_code: HashMap<String, usize> = origins
            .countries
            .iter()
            .enumerate()
            .map(|(index, country)| (country.code.clone(), index))
            .collect();
        database
            .networks(|network, code| {
                if let Some(country) = by_code.get(code) {
                    let family = usize::from(network.addr().is_ipv6());
                    origins.countries[*country].networks[family].offer(network, rng);
                }
            })
            .with_context(|| format!("the geo database {}", path.display()))?;
        let any = origins.countries.iter().any(|c| c.networks.iter().any(|n| !n.kept.is_empty()));
        ensure!(any, "the geo database {} has no countries", path.display());
        origins.database = Some(database);
        Ok(origins)
    }

    /// Where a visitor comes from who comes at this time, in microseconds since 1970.
    pub fn pick(&self, at: i64, rng: &mut impl Rng) -> Origin {
        let ipv6 = rng.random_bool(self.shares.ipv6);
        let kind: f64 = rng.random();
        if kind < self.shares.private {
            return Origin { place: Place::private_network(), address: private(ipv6, rng) };
        }
        if kind < self.shares.private + self.shares.unknown {
            return Origin { place: Place::unknown(), address: documentation(ipv6, rng) };
        }
        loop {
            let country = &self.countries[self.weights.sample(rng)];
            let origin = match &self.database {
                Some(database) => country
                    .pick_address(ipv6, rng)
                    .and_then(|address| Some(Origin { place: database.place(address)?, address })),
                None => {
                    let city = rng.random_range(country.cities.clone());
                    Some(Origin { place: self.cities[city].clone(), address: public(ipv6, rng) })
                }
            };
            // A database that does not have the country is asked for another.
            let Some(origin) = origin else { continue };
            if rng.random_bool(ACTIVITY[local_hour(at, &origin.place)]) {
                return origin;
            }
        }
    }
}

impl Country {
    /// An address in one of its networks, of the other family if there is none of this.
    fn pick_address(&self, ipv6: bool, rng: &mut impl Rng) -> Option<IpAddr> {
        let wanted = &self.networks[usize::from(ipv6)].kept;
        let networks =
            if wanted.is_empty() { &self.networks[usize::from(!ipv6)].kept } else { wanted };
        if networks.is_empty() {
            return None;
        }
        Some(address_in(&networks[rng.random_range(0..networks.len())], rng))
    }
}

impl Networks {
    /// Reservoir sampling (Vitter's algorithm R).
    fn offer(&mut self, network: IpNet, rng: &mut impl Rng) {
        self.seen += 1;
        if self.kept.len() < NETWORKS {
            self.kept.push(network);
        } else if let Some(slot) = self.kept.get_mut(rng.random_range(0..self.seen) as usize) {
            *slot = network;
        }
    }
}

fn city(line: &str) -> anyhow::Result<(Place, f64)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [code, country, users, subdivision_code, subdivision, name, latitude, longitude] =
        fields[..]
    else {
        anyhow::bail!("there are eight fields");
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // As the relay rounds it.
    let rounded = |degrees: &str| -> anyhow::Result<f64> {
        Ok((degrees.parse::<f64>()? * 10.0).round() / 10.0)
    };
    // What the list does not say is not known.
    let mut place = Place::unknown();
    place.country_name = country.to_owned();
    place.country_code = code.to_owned();
    place.subdivision_name = text(subdivision);
    place.subdivision_code = text(subdivision_code);
    place.city_name = text(name);
    place.latitude = Some(rounded(latitude)?);
    place.longitude = Some(rounded(longitude)?);
    Ok((place, users.parse()?))
}

/// The hour of the day by the sun.
fn local_hour(at: i64, place: &Place) -> usize {
    let shift = place.longitude.unwrap_or(0.0) / 15.0;
    let hours = at as f64 / 3.6e9 + shift;
    (hours.rem_euclid(24.0) as usize).min(23)
}

fn address_in(network: &IpNet, rng: &mut impl Rng) -> IpAddr {
    match network {
        IpNet::V4(network) => {
            let host = u32::MAX.checked_shr(u32::from(network.prefix_len())).unwrap_or(0);
            Ipv4Addr::from_bits(network.network().to_bits() | (rng.random::<u32>() & host)).into()
        }
        IpNet::V6(network) => {
            let host = u128::MAX.checked_shr(u32::from(network.prefix_len())).unwrap_or(0);
            Ipv6Addr::from_bits(network.network().to_bits() | (rng.random::<u128>() & host)).into()
        }
    }
}

/// In 192.168.0.0/16 or fd00::/8 (RFC 1918, RFC 4193).
fn private(ipv6: bool, rng: &mut impl Rng) -> IpAddr {
    in_range(
        ipv6,
        Ipv4Addr::new(192, 168, 0, 0),
        16,
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0),
        8,
        rng,
    )
}

/// In 203.0.113.0/24 or 2001:db8::/32, which belong to nobody (RFC 5737, RFC 3849).
fn documentation(ipv6: bool, rng: &mut impl Rng) -> IpAddr {
    in_range(
        ipv6,
        Ipv4Addr::new(203, 0, 113, 0),
        24,
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        rng,
    )
}

/// In 64.0.0.0/3 without its last addresses, or in 2400::/6: in use all over the world.
fn public(ipv6: bool, rng: &mut impl Rng) -> IpAddr {
    in_range(
        ipv6,
        Ipv4Addr::new(64, 0, 0, 0),
        3,
        Ipv6Addr::new(0x2400, 0, 0, 0, 0, 0, 0, 0),
        6,
        rng,
    )
}

fn in_range(
    ipv6: bool,
    v4: Ipv4Addr,
    v4_length: u32,
    v6: Ipv6Addr,
    v6_length: u32,
    rng: &mut impl Rng,
) -> IpAddr {
    if ipv6 {
        Ipv6Addr::from_bits(v6.to_bits() | (rng.random::<u128>() >> v6_length)).into()
    } else {
        Ipv4Addr::from_bits(v4.to_bits() | (rng.random::<u32>() >> v4_length)).into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;

    /// Noon in Europe.
    const AT: i64 = 1_772_020_800_000_000;

    #[test]
    fn visitors_come_from_where_people_are() {
        let shares = Shares { ipv6: 0.4, unknown: 0.05, private: 0.1 };
        let origins = Origins::built_in(shares).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut countries: BTreeMap<String, u32> = BTreeMap::new();
        let (mut ipv6, mut unknown, mut private) = (0, 0, 0);
        for _ in 0..20_000 {
            let Origin { place, address } = origins.pick(AT, &mut rng);
            ipv6 += u32::from(address.is_ipv6());
            unknown += u32::from(place == Place::unknown());
            private += u32::from(place == Place::private_network());
            *countries.entry(place.country_code).or_default() += 1;
        }
        assert!((7_600..8_400).contains(&ipv6), "{ipv6}");
        assert!((850..1_150).contains(&unknown) && (1_800..2_200).contains(&private));
        assert!(countries.len() > 100, "{}", countries.len());
        assert!(countries["IN"] > countries["DE"] && countries["DE"] > countries["AT"]);
    }

    #[test]
    fn people_sleep() {
        let origins = Origins::built_in(Shares::default()).unwrap();
        let share = |hour: i64, country: &str| {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            let at = AT - 12 * 3_600_000_000 + hour * 3_600_000_000;
            let picked =
                (0..5000).filter(|_| origins.pick(at, &mut rng).place.country_code == country);
            picked.count()
        };
        assert!(share(20, "GB") > 2 * share(3, "GB"));
    }

    #[test]
    fn every_city_is_a_place() {
        let origins = Origins::built_in(Shares::default()).unwrap();
        assert!(origins.countries.len() >= 130 && origins.cities.len() > origins.countries.len());
        for place in &origins.cities {
            assert!(
                place.latitude.unwrap().abs() <= 90.0 && place.longitude.unwrap().abs() <= 180.0
            );
            assert_eq!(place.country_code.len(), 2);
            assert_eq!(place.subdivision_name.is_some(), place.subdivision_code.is_some());
            assert!(
                place.subdivision_code.as_ref().is_none_or(|code| (1..=3).contains(&code.len()))
            );
        }
    }

    #[test]
    fn addresses_lie_in_their_network() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for network in ["10.1.2.0/23", "1.2.3.4/32", "0.0.0.0/0", "2001:db8::/32", "::1/128"] {
            let network: IpNet = network.parse().unwrap();
            for _ in 0..100 {
                assert!(network.contains(&address_in(&network, &mut rng)), "{network}");
            }
        }
    }
}
