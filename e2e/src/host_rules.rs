//! What static hosts do with addresses that are no file's: folders with and without their slash,
//! `index.html`, files that are not there.
//!
//! From their documentation, and from the comparison at <https://github.com/slorber/trailing-slash-guide>.
//! `tests/hosting.rs` holds the rules of nginx and Caddy against the real servers.

use axum::http::StatusCode;

/// The rules of one host.
#[derive(Clone, Copy, Debug)]
pub struct HostRules {
    /// The host, as people call it.
    pub name: &'static str,
    /// For a folder without its slash.
    pub slashless: Slashless,
    /// For a folder with its slash: it goes to the address without it.
    pub takes_slash_away: bool,
    /// For `index.html`: a redirect to its folder, or nothing but the file.
    pub index_redirect: Option<StatusCode>,
    /// For a file that is not there.
    pub missing: Missing,
    /// An address, which is no folder, for the document at the root.
    pub mapped: Option<&'static str>,
}

/// What a folder's address without the slash leads to.
#[derive(Clone, Copy, Debug)]
pub enum Slashless {
    /// To the address with it.
    Redirect(StatusCode),
    /// To the folder's document, as it is.
    Serve,
}

/// What is sent in the place of a file that is not there.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// 404 with nothing of the page's.
    Empty,
    /// 404 with `404.html`.
    NotFoundDocument,
    /// 200 with `index.html`.
    Index,
}

impl HostRules {
    /// nginx, with deploy/nginx/static.conf.
    pub const NGINX: Self = Self {
        name: "nginx",
        slashless: Slashless::Redirect(StatusCode::MOVED_PERMANENTLY),
        takes_slash_away: false,
        index_redirect: None,
        missing: Missing::Empty,
        mapped: None,
    };

    /// Caddy's `file_server`.
    pub const CADDY: Self = Self {
        name: "Caddy",
        slashless: Slashless::Redirect(StatusCode::PERMANENT_REDIRECT),
        ..Self::NGINX
    };

    /// Netlify as it comes.
    pub const NETLIFY: Self =
        Self { name: "Netlify", missing: Missing::NotFoundDocument, ..Self::NGINX };

    /// GitHub Pages.
    pub const GITHUB_PAGES: Self = Self { name: "GitHub Pages", ..Self::NETLIFY };

    /// Netlify without "pretty URLs", Render, Vercel as it comes.
    pub const NETLIFY_PLAIN: Self =
        Self { name: "Netlify without pretty URLs", slashless: Slashless::Serve, ..Self::NETLIFY };

    /// Cloudflare Pages.
    pub const CLOUDFLARE_PAGES: Self = Self {
        name: "Cloudflare Pages",
        slashless: Slashless::Redirect(StatusCode::PERMANENT_REDIRECT),
        index_redirect: Some(StatusCode::PERMANENT_REDIRECT),
        ..Self::NETLIFY
    };

    /// Cloudflare Pages without a `404.html` at the root of the site, as for a page in a folder.
    pub const CLOUDFLARE_PAGES_FALLBACK: Self = Self {
        name: "Cloudflare Pages without 404.html",
        missing: Missing::Index,
        ..Self::CLOUDFLARE_PAGES
    };

    /// A host that sends every folder to its address without the slash: Vercel's `trailingSlash: false`.
    pub const WITHOUT_SLASHES: Self =
        Self { name: "no slashes", takes_slash_away: true, ..Self::NETLIFY_PLAIN };

    /// A host with a rule for one address.
    pub const MAPPED: Self = Self { name: "a rewrite", mapped: Some("/button"), ..Self::NGINX };

    /// A host that has rewritten every unknown address to the page, as for applications with routes.
    pub const FALLBACK: Self = Self { name: "a fallback", missing: Missing::Index, ..Self::NGINX };

    /// Those that docs/hosting.md names.
    pub const ALL: [Self; 7] = [
        Self::NGINX,
        Self::CADDY,
        Self::NETLIFY,
        Self::NETLIFY_PLAIN,
        Self::CLOUDFLARE_PAGES,
        Self::CLOUDFLARE_PAGES_FALLBACK,
        Self::GITHUB_PAGES,
    ];
}
