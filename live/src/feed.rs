//! Which of the latest presses are new. The relay gives them no names, as sessions are nobody's
//! business; so equal ones are told apart by how many there are. Pure.

use schemas::stats::Latest;

/// How many are kept beyond those that the relay tells: one visitor's presses may be all of them.
const MOST: usize = 60;

/// The latest presses, each with a number that stays with it, so that its place on the page does.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    known: Vec<(u64, Latest)>,
    next: u64,
    begun: bool,
}

impl Feed {
    /// Takes the latest presses, newest first, and gives the numbers of those that just came. At the
    /// first time none did: they were there before.
    pub fn update(&mut self, latest: &[Latest]) -> Vec<u64> {
        let mut before = std::mem::take(&mut self.known);
        let mut fresh = Vec::new();
        let mut take = |press: &Latest, is_same: fn(&Latest, &Latest) -> bool| {
            let known = before.iter().position(|(_, known)| is_same(known, press));
            known.map(|index| before.remove(index).0)
        };
        let mut numbers: Vec<Option<u64>> =
            latest.iter().map(|press| take(press, Latest::eq)).collect();
        // Then those whose place has got a name since.
        for (number, press) in numbers.iter_mut().zip(latest).filter(|(it, _)| it.is_none()) {
            *number = take(press, is_named_since);
        }
        // Oldest first, so that numbers grow with time.
        for number in numbers.iter_mut().rev().filter(|number| number.is_none()) {
            self.next += 1;
            fresh.push(self.next);
            *number = Some(self.next);
        }
        self.known = numbers.into_iter().flatten().zip(latest.iter().cloned()).collect();
        // What newer ones have pushed out stays; what is gone for another reason does not.
        if let Some(oldest) = latest.iter().map(|press| press.received_at).min() {
            before.retain(|(_, press)| press.received_at <= oldest);
            self.known.append(&mut before);
        }
        self.known.truncate(MOST);
        // Which of equal ones is which nobody knows: the one that stays longest has the least number.
        for equal in self.known.chunk_by_mut(|a, b| a.1 == b.1) {
            equal.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        }
        if std::mem::replace(&mut self.begun, true) { fresh } else { Vec::new() }
    }

    /// Those from one place in a row as one, with how many they are, newest first. The number is that
    /// of the oldest, so that it stays when more come.
    pub fn groups(&self) -> Vec<(u64, &Latest, usize)> {
        let mut groups: Vec<(u64, &Latest, usize)> = Vec::new();
        for (number, press) in &self.known {
            match groups.last_mut() {
                Some((oldest, known, count)) if same_place(known, press) => {
                    *oldest = *number;
                    *count += 1;
                }
                _ => groups.push((*number, press, 1)),
            }
        }
        groups
    }

    /// With their numbers, newest first.
    pub fn presses(&self) -> &[(u64, Latest)] {
        &self.known
    }
}

fn is_named_since(known: &Latest, press: &Latest) -> bool {
    let had_no_place = known.city_name.is_none() && known.latitude.is_none();
    had_no_place
        && (known.received_at, &known.country_code) == (press.received_at, &press.country_code)
}

fn same_place(a: &Latest, b: &Latest) -> bool {
    (&a.country_name, &a.city_name, a.latitude, a.longitude)
        == (&b.country_name, &b.city_name, b.latitude, b.longitude)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::Timestamp;

    fn press(micros: i64) -> Latest {
        Latest {
            received_at: Timestamp::from_micros(micros).unwrap(),
            country_code: "PT".to_owned(),
            country_name: "Portugal".to_owned(),
            city_name: None,
            latitude: None,
            longitude: None,
        }
    }

    #[test]
    fn only_what_was_not_there_is_new() {
        let mut feed = Feed::default();
        assert!(feed.update(&[press(2), press(1)]).is_empty());
        assert_eq!(feed.update(&[press(3), press(2), press(1)]), [3]);
        assert_eq!(feed.update(&[press(3), press(2), press(1)]), Vec::<u64>::new());
        // Two that look the same, and one from between that came late.
        assert_eq!(feed.update(&[press(4), press(4), press(3), press(2)]), [4, 5]);
        assert_eq!(feed.update(&[press(4), press(4), press(3), press(3)]).len(), 1);
        let numbers: Vec<_> = feed.presses().iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers[..2], [5, 4]);
    }

    #[test]
    fn a_place_that_gets_a_name_makes_no_press_new() {
        let mut feed = Feed::default();
        feed.update(&[press(2), press(1), press(1)]);
        let named = |micros| Latest { city_name: Some("Porto".to_owned()), ..press(micros) };
        // The third visit gives it one.
        assert_eq!(feed.update(&[named(3), named(2), press(1), named(1)]), [4]);
        assert_eq!(feed.presses().len(), 4);
        let groups: Vec<_> = feed.groups().into_iter().map(|(_, _, count)| count).collect();
        assert_eq!(groups, [2, 1, 1]);
        let another = Latest { country_code: "ES".to_owned(), ..named(3) };
        assert_eq!(feed.update(&[another, named(3)]), [5], "of another country");
    }

    #[test]
    fn presses_from_one_place_are_one_line() {
        let mut feed = Feed::default();
        let elsewhere = Latest { city_name: Some("Porto".to_owned()), ..press(2) };
        let mut latest = vec![press(4), press(3), elsewhere, press(1)];
        feed.update(&latest);
        let groups = |feed: &Feed| -> Vec<_> {
            feed.groups().into_iter().map(|(number, _, count)| (number, count)).collect()
        };
        assert_eq!(groups(&feed), [(3, 2), (2, 1), (1, 1)]);
        latest.insert(0, press(5));
        feed.update(&latest);
        assert_eq!(groups(&feed)[0], (3, 3), "the line stays where it is");
    }

    #[test]
    fn a_line_stays_where_it_is_when_newer_ones_push_it_out() {
        let mut feed = Feed::default();
        feed.update(&vec![press(1); 12]);
        let mut latest = vec![press(1); 10];
        latest.splice(0..0, [Latest { city_name: Some("Porto".to_owned()), ..press(2) }, press(2)]);
        feed.update(&latest);
        let last = feed.groups().pop().map(|(number, _, count)| (number, count));
        assert_eq!(last, Some((1, 13)), "the press without a city is from the same place");
    }

    #[test]
    fn it_does_not_grow() {
        let mut feed = Feed::default();
        for second in 0..1000 {
            let latest: Vec<_> = (second..second + 12).rev().map(press).collect();
            feed.update(&latest);
            assert!(feed.presses().len() <= MOST);
        }
        // A relay that begins anew, with another past.
        feed.update(&[press(3), press(2)]);
        assert_eq!(feed.presses().len(), 2);
    }
}
