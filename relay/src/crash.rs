//! What is left of a relay that fails: lines in the log, and no picture of its memory, which has the
//! addresses of those whose requests it was answering.

use std::{
    backtrace::Backtrace,
    net::{IpAddr, SocketAddr},
    panic,
};

/// From now on a panic is a line of the log like any other, with a backtrace where `RUST_BACKTRACE`
/// asks for one, and a crash leaves no core dump.
pub fn leave_nothing_behind() {
    panic::set_hook(Box::new(|panic| {
        let text = panic.payload().downcast_ref::<String>().map(String::as_str);
        let said = text.or_else(|| panic.payload().downcast_ref().copied()).unwrap_or("no text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture().to_string();
        tracing::error!(place, backtrace, "panicked: {}", without_addresses(said));
    }));
    no_core_dumps();
}

/// A core dump holds all of the memory. Where the system cannot be told, there may be one.
fn no_core_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    // Refused only if more were asked for than is allowed.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // The limit does not count where dumps go to a program (core(5)).
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// The text, and nothing in it that can be read as an address: a panic shows values that nobody
/// thought of.
fn without_addresses(text: &str) -> String {
    let word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | ':');
    let text = without_words(text, word, |word| {
        // Something may stand before it, as in `peer:2001:db8::7`.
        let starts = word.match_indices(':').map(|(at, _)| at + 1);
        [0].into_iter().chain(starts).find(|start| is_address(&word[*start..]))
    });
    // IPv4 is told by its digits alone, whatever letters they are glued to.
    let digits = |it: char| it.is_ascii_digit() || it == '.';
    without_words(&text, digits, |word| is_address(word).then_some(0))
}

/// The text without the end of each word in which `address` finds the start of one.
fn without_words(
    text: &str,
    part_of_word: impl Fn(char) -> bool,
    address: impl Fn(&str) -> Option<usize>,
) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(&part_of_word) {
        let end = rest[start..].find(|it| !part_of_word(it)).map_or(rest.len(), |it| start + it);
        match address(&rest[start..end]) {
            Some(at) => {
                kept += &rest[..start + at];
                kept += "(an address)";
            }
            None => kept += &rest[..end],
        }
        rest = &rest[end..];
    }
    kept + rest
}

/// With a port or without, at the end of a sentence too.
fn is_address(word: &str) -> bool {
    let known = |word: &str| match word.parse::<IpAddr>() {
        // `::` stands between the parts of many a name, and is nobody's address.
        Ok(address) => !address.is_unspecified(),
        Err(_) => word.parse::<SocketAddr>().is_ok(),
    };
    known(word) || known(word.trim_matches(['.', ':'])) || known(word.trim_end_matches(['.', ':']))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::logging::LogFormat;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn what_is_no_address_stays() {
        for text in [
            "index out of bounds: the len is 3 but the index is 3",
            "src/main.rs:4:5 at 10:33:46, version 1.2.3, code c633:644d",
            "",
            "é::ü..",
            "core::cell::panic_already_borrowed at <face>",
        ] {
            assert_eq!(without_addresses(text), text);
        }
        assert_eq!(
            without_addresses(
                "V4(198.51.100.77:80), [2001:db8::7]:443, ip198.51.100.77 or peer:2001:db8::7."
            ),
            "V4((an address)), [(an address)]:443, ip(an address) or peer:(an address)"
        );
    }

    /// In a process of its own, since the hook is the whole process's.
    #[test]
    fn a_panic_is_a_line_of_the_log_without_an_address() {
        const CHILD: &str = "PANICS_WITH_AN_ADDRESS_IN_HAND";
        if std::env::var_os(CHILD).is_some() {
            crate::logging::start("info", LogFormat::Json).unwrap();
            leave_nothing_behind();
            let peer: SocketAddr = "198.51.100.77:1234".parse().unwrap();
            assert_eq!(Some(peer), None, "[2001:db8::7] was there");
        }
        let own_name = "crash::tests::a_panic_is_a_line_of_the_log_without_an_address";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([own_name, "--exact", "--nocapture"])
            .envs([(CHILD, "1"), ("RUST_BACKTRACE", "full")])
            .output()
            .unwrap();
        let said = String::from_utf8([child.stdout, child.stderr].concat()).unwrap();
        assert!(!said.contains("198.51.100.77") && !said.contains("2001:db8"), "{said}");
        let line = said.lines().find(|line| line.contains("panicked: ")).unwrap_or(&said);
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        assert!(text("message").contains("[(an address)] was there"), "{line}");
        assert!(text("message").contains("left: Some((an address))"), "{line}");
        assert!(
            text("place").contains("crash.rs") && text("backtrace").contains("crash"),
            "{line}"
        );
    }

    proptest! {
        #[test]
        fn no_address_gets_through(address: IpAddr, port: u16, around in "[ -\\-/;-@\\[-`{-~é]{0,9}") {
            prop_assume!(!address.is_unspecified());
            let shown = [
                format!("{around}{address}{around}"),
                format!("{address:?}"),
                format!("{:?}", SocketAddr::new(address, port)),
                format!("{:?}", Some(vec![address.to_canonical()])),
            ];
            for text in shown {
                prop_assert!(!without_addresses(&text).contains(&address.to_string()), "{}", text);
            }
        }
    }
}
