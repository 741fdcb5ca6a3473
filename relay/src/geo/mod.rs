//! From an address to an approximate place.
//!
//! ```text
//!  ClientIp ── reach ──► Localhost, Private Network, Unknown   (no look-up)
//!                   └──► Public ── mmdb ──► Place, or Unknown
//! ```
//!
//! The database is read into memory as a whole: a mapped file that somebody overwrites in place
//! would crash the process. A new file is read, checked, and only then put in the old one's place.

mod country_names;
mod database;
mod pretend;
mod record;
mod reload;

pub use database::{Database, DatabaseError};

use crate::client_ip::{AddressScope, ClientIp};
use arc_swap::ArcSwapOption;
use schemas::{Place, Uuid};
use std::{path::PathBuf, sync::Arc};

/// The look-up that requests use; cheap to clone. Without a database every place is `Unknown`.
#[derive(Clone)]
pub struct Geo {
    database: Arc<ArcSwapOption<Database>>,
    path: Option<PathBuf>,
    pretend_local: bool,
}

impl Geo {
    /// Opens the database, if there is to be one.
    ///
    /// `pretend_local` gives visitors from the relay's own machine or network a made-up place, so
    /// that a demonstration on a laptop has something to show.
    pub fn open(path: Option<PathBuf>, pretend_local: bool) -> Result<Self, DatabaseError> {
        let database = path.as_deref().map(Database::open).transpose()?;
        if let Some(database) = &database {
            tracing::info!(name = database.name(), "geo database is loaded");
        }
        let database = Arc::new(ArcSwapOption::from_pointee(database));
        Ok(Self { database, path, pretend_local })
    }

    /// Name of the loaded database by its own metadata, such as `GeoLite2-City`.
    pub fn database_name(&self) -> Option<String> {
        self.database.load().as_ref().map(|database| database.name().to_owned())
    }

    /// When the loaded database was built, in seconds since 1970.
    pub fn built(&self) -> Option<u64> {
        self.database.load().as_ref().map(|database| database.built())
    }

    /// The place of a visitor. The session decides only which place is made up for a local one;
    /// without a session none is.
    pub fn place(&self, client: ClientIp, session: Option<Uuid>) -> Place {
        let database = self.database.load();
        match client.scope() {
            AddressScope::Public(address) => database
                .as_ref()
                .and_then(|database| database.place(address))
                .unwrap_or_else(Place::unknown),
            AddressScope::Unknown => Place::unknown(),
            local => {
                let session = session.filter(|_| self.pretend_local);
                let made_up = database.as_deref().zip(session);
                made_up
                    .and_then(|(database, session)| pretend::place(database, session))
                    .unwrap_or_else(|| match local {
                        AddressScope::Localhost => Place::localhost(),
                        _ => Place::private_network(),
                    })
            }
        }
    }
}
