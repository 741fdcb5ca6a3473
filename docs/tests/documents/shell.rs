//! Reads the commands in a document, as far as a shell has to be understood for it.

/// The commands in the blocks of a shell's text, and those in the middle of a sentence: their words,
/// without what is before (variables) and behind (redirections) them.
pub fn commands(markdown: &str) -> Vec<Vec<String>> {
    let (mut found, mut prose, mut shell) = (Vec::new(), String::new(), String::new());
    let mut block = None;
    for line in markdown.lines() {
        match (block, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => block = Some(matches!(language, "sh" | "bash")),
            (Some(_), Some(_)) => block = None,
            (Some(true), None) => shell += &format!("{line}\n"),
            (Some(false), None) => {}
            (None, None) => prose += &format!("{line} "),
        }
        // Nothing between backticks goes on in another paragraph.
        if line.is_empty() {
            found.extend(spans(&std::mem::take(&mut prose)).flat_map(parts));
        }
    }
    found.extend(spans(&prose).flat_map(parts));
    found.extend(shell.replace("\\\n", " ").lines().flat_map(parts));
    found
}

/// What is between backticks.
fn spans(paragraph: &str) -> impl Iterator<Item = &str> {
    paragraph.split('`').skip(1).step_by(2)
}

/// The words of each command of a line.
fn parts(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            // The rest is for people.
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '(' | ')') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    commands.push(words);
    commands.into_iter().map(bare).filter(|words| !words.is_empty()).collect()
}

/// Without `A=b` before it and `> file` behind it.
fn bare(words: Vec<String>) -> Vec<String> {
    let is_variable = |word: &String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let words = words.into_iter().skip_while(is_variable);
    words.take_while(|word| !word.starts_with(['>', '<']) && !word.starts_with("2>")).collect()
}

#[test]
fn commands_are_found_in_blocks_and_in_sentences() {
    let text = "Say `cargo xtask run`.\n```sh\nA=1 button tail --since '1 h' | jq . # all\n\
                cd x && relay \\\n  validate > file\n```\n```json\n{}\n```\n";
    let found: Vec<_> = commands(text).iter().map(|words| words.join("|")).collect();
    assert_eq!(
        found,
        ["cargo|xtask|run", "button|tail|--since|1 h", "jq|.", "cd|x", "relay|validate"]
    );
}
