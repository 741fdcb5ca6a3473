//! The HTML documents of the built page: style and script inlined, and a Content-Security-Policy.
//!
//! A document has its style and its first script within itself. As files they would be asked for when the
//! document is there, over a second connection even, and nothing is painted before both are: on a slow phone
//! that is a third of the wait. And hosts that serve a folder's document at its address without the slash
//! have no files beside it: what finds the folder has to be in the document.
//!
//! What may run is said by the document too, in a meta tag (CSP Level 3, section 3.3): so it goes to every
//! static host, and the hashes of what it has within itself are always its own.

use crate::paths;
use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use std::{
    fmt::{self, Display, Formatter},
    fs,
    path::Path,
    str::FromStr,
};

/// Behind this the policy goes: it binds what comes after it.
const FIRST: &str = "<meta charset=\"utf-8\">\n";

/// A relay that is somewhere else than the page: its address, with nothing behind the port.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin(String);

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let text = text.trim_end_matches('/');
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        ensure!(
            host.is_some_and(|host| !host.is_empty() && host.chars().all(is_host)),
            "a relay's address is like https://relay.example.org or http://192.0.2.7:9000"
        );
        Ok(Self(text.to_owned()))
    }
}

/// Inlines the style sheet and the first script into the document, and strips comments.
pub fn inline(dist: &Path) -> anyhow::Result<()> {
    let index = dist.join("index.html");
    let html = strip_comments(&fs::read_to_string(&index)?);
    check_strict(&html)?;
    let html = replace(&html, dist, "<link rel=\"stylesheet\"", "href", "style")?;
    let html = replace(&html, dist, "<script", "src", "script")?;
    Ok(fs::write(index, html)?)
}

/// Puts what the first element that begins so names into the document, in an element of its own.
fn replace(
    html: &str,
    dist: &Path,
    begin: &str,
    name: &str,
    element: &str,
) -> anyhow::Result<String> {
    let missing = || format!("the built index.html has no {begin} with {name}=");
    let (before, rest) = html.split_once(begin).with_context(missing)?;
    let (attributes, rest) = rest.split_once('>').with_context(missing)?;
    let path = attributes.split_once(&format!("{name}=\"")).with_context(missing)?.1;
    let path = path.split('"').next().unwrap_or_default().trim_start_matches("./");
    let rest = rest.strip_prefix("</script>").unwrap_or(rest);
    let file = dist.join(path);
    let content = fs::read_to_string(&file).with_context(|| format!("{path} is not there"))?;
    let content = content.trim();
    // What ends an element of text, or makes it go on behind its end (HTML Standard, section 13.2.5).
    ensure!(
        !content.contains("</") && !content.contains("<!--"),
        "{path} has </ or <!-- in it, and cannot stand in HTML"
    );
    fs::remove_file(&file)?;
    Ok(format!("{before}<{element}>{content}</{element}>{rest}"))
}

/// Injects the relay's address, if it is not beside the page, and the Content-Security-Policy. Nothing in
/// the document may be changed afterwards but the contents of its meta tags.
pub fn inject_csp(document: &Path, relay: Option<&Origin>) -> anyhow::Result<()> {
    let mut html = fs::read_to_string(document)?;
    if let Some(Origin(relay)) = relay {
        let place = "<meta name=\"relay\" content=\"\">";
        ensure!(html.contains(place), "the document has no {place}");
        html = html.replace(place, &place.replace("\"\"", &format!("{relay:?}")));
    }
    let policy = policy(&html, relay);
    let policy = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n");
    let name = document.strip_prefix(paths::dist()).unwrap_or(document).display();
    let (before, after) = html.split_once(FIRST).with_context(|| {
        format!("{name} has to begin with {}, behind which the policy goes", FIRST.trim())
    })?;
    ensure!(!before.contains("<script"), "{name} has a script before its policy");
    Ok(fs::write(document, [before, FIRST, &policy, after].concat())?)
}

/// Nothing but the page's own files and what stands in the document now. WebAssembly needs
/// `wasm-unsafe-eval` to be compiled (CSP Level 3, section 6.2).
fn policy(html: &str, relay: Option<&Origin>) -> String {
    let hashes = |element| -> String {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        contents(html, element).map(|text| format!(" 'sha256-{}'", hash(text))).collect()
    };
    let relay = relay.map(|Origin(relay)| format!(" {relay}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{}; style-src 'self'{}; \
         img-src 'self'; connect-src 'self'{relay}; manifest-src 'self'; worker-src 'self'; \
         base-uri 'none'; form-action 'none'",
        hashes("script"),
        hashes("style"),
    )
}

/// What stands in the elements of this name that have no attributes.
fn contents<'a>(html: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let mut rest = html;
    std::iter::from_fn(move || {
        let (content, after) = rest.split_once(&begin)?.1.split_once(&end)?;
        rest = after;
        Some(content)
    })
}

/// The sources keep scripts and styles in files, where they are read, tested and minified; what the
/// policy allows is what is taken in here.
pub fn check_strict(html: &str) -> anyhow::Result<()> {
    let inline_script = html
        .split("<script")
        .skip(1)
        .any(|rest| !rest.split('>').next().unwrap_or_default().contains("src="));
    if inline_script || html.contains("<style") || html.contains(" style=") {
        bail!("index.html has a script or a style of its own; put it into a file (see Trunk.toml)");
    }
    Ok(())
}

/// Without indentation, empty lines, and comments other than those on what may be changed after
/// the build.
fn strip_comments(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("<!--") {
        let (comment, after) = after.split_once("-->").unwrap_or((after, ""));
        out.push_str(before);
        let kept = ["Where the relay is", "The operator's privacy policy", "A number that marks"];
        if kept.iter().any(|kept| comment.contains(kept)) {
            out.push_str("<!--");
            out.push_str(comment);
            out.push_str("-->");
        }
        rest = after;
    }
    out.push_str(rest);
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A built page, as trunk leaves it.
    fn dist(script: &str) -> tempfile::TempDir {
        let dist = tempfile::tempdir().unwrap();
        let html = "<head>\n  <meta charset=\"utf-8\">\n  <!-- y -->\n\
            <!-- Where the relay is: x -->\n<meta name=\"relay\" content=\"\">\n\
            <link rel=\"stylesheet\" href=\"./style-1f.css\"/>\n\
            <script src=\"./boot-2e.js\"></script>\n</head>";
        fs::write(dist.path().join("index.html"), html).unwrap();
        fs::write(dist.path().join("style-1f.css"), "a{}\n").unwrap();
        fs::write(dist.path().join("boot-2e.js"), script).unwrap();
        dist
    }

    #[test]
    fn a_document_has_all_that_its_first_paint_needs() {
        let dist = dist("b();\n");
        let index = dist.path().join("index.html");
        inline(dist.path()).unwrap();
        inject_csp(&index, Some(&"https://relay.example.org/".parse().unwrap())).unwrap();
        // printf 'b();' | openssl dgst -sha256 -binary | base64
        let expected = "<head>\n<meta charset=\"utf-8\">\n\
            <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
            script-src 'self' 'wasm-unsafe-eval' 'sha256-9q75f4czX5pM1hYLoMI6KUdfzqgNRmejLvCSdtoLgS0='; \
            style-src 'self' 'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='; \
            img-src 'self'; connect-src 'self' https://relay.example.org; manifest-src 'self'; \
            worker-src 'self'; base-uri 'none'; form-action 'none'\">\n\
            <!-- Where the relay is: x -->\n\
            <meta name=\"relay\" content=\"https://relay.example.org\">\n\
            <style>a{}</style>\n<script>b();</script>\n</head>\n";
        assert_eq!(fs::read_to_string(index).unwrap(), expected);
        assert_eq!(fs::read_dir(dist.path()).unwrap().count(), 1, "the files have gone into it");
    }

    #[test]
    fn what_would_end_its_element_is_not_inlined() {
        for script in ["a='</script>'", "a='<!--'"] {
            assert!(inline(dist(script).path()).is_err(), "{script}");
        }
    }

    #[test]
    fn a_relays_address_is_an_origin() {
        for good in ["https://relay.example.org", "http://192.0.2.7:9000", "http://[::1]:9000/"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in ["relay.example.org", "https://", "https://a/b", "https://a; script-src *", ""] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn scripts_and_styles_are_files_in_the_sources() {
        assert!(check_strict(r#"<script src="a.js"></script><link href="a.css">"#).is_ok());
        for html in [
            "<script>1</script>",
            "<script type=module>1</script>",
            "<style>a{}</style>",
            "<p style=\"\">",
        ] {
            assert!(check_strict(html).is_err(), "{html}");
        }
    }

    #[test]
    fn what_may_be_edited_stays_explained() {
        let html = "<a>\n  <!-- Where the relay is: x -->\n\n  <!-- y -->\n  <b>\n";
        assert_eq!(strip_comments(html), "<a>\n<!-- Where the relay is: x -->\n<b>\n");
    }
}
