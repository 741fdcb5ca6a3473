//! Which certificates are in use, and whether newer ones are there.

use super::certificates::{CertificateError, Certificates, Contents, Folder};
use arc_swap::ArcSwap;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// New files have to stay as they are for so long before they are taken up: whoever replaces them
/// may be about to write the next one.
const SETTLE: Duration = Duration::from_secs(1);

/// Keeps the certificates in use until there is a newer set that is whole and in date.
pub(super) struct Keeper {
    folder: Folder,
    in_use: ArcSwap<Certificates>,
    /// What is wrong with the files, if they are not those in use.
    complaint: Mutex<Option<String>>,
}

impl Keeper {
    pub(super) fn new(folder: Folder, certificates: Certificates) -> Self {
        Self { folder, in_use: ArcSwap::from_pointee(certificates), complaint: Mutex::default() }
    }

    pub(super) fn in_use(&self) -> Arc<Certificates> {
        self.in_use.load_full()
    }

    /// Why the certificates in use cannot be used now, if that is so. What is wrong with files that
    /// were meant to replace them is nearer to what has to be done.
    pub(super) fn lapse(&self) -> Option<String> {
        let error = self.in_use.load().valid().err()?;
        Some(self.complaint().clone().unwrap_or_else(|| error.to_string()))
    }

    /// A newer set. Reads the files, and blocks for a moment if they are not those in use.
    pub(super) fn newer(&self) -> Option<Certificates> {
        let read = || self.folder.read();
        match self.look(read, || std::thread::sleep(SETTLE)) {
            Ok(newer) => newer,
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    fn look(
        &self,
        read: impl Fn() -> Result<Contents, CertificateError>,
        settle: impl Fn(),
    ) -> Result<Option<Certificates>, CertificateError> {
        let contents = read()?;
        if self.in_use.load().are(&contents) {
            *self.complaint() = None;
            return Ok(None);
        }
        let newer = self.folder.check(contents)?;
        newer.valid()?;
        settle();
        // If they are being written just now, the next look is soon enough.
        Ok(read().is_ok_and(|contents| newer.are(&contents)).then_some(newer))
    }

    /// From now on these are in use.
    pub(super) fn take(&self, certificates: Certificates) {
        self.in_use.store(Arc::new(certificates));
        *self.complaint() = None;
    }

    /// Says once what is wrong with the files.
    pub(super) fn complain(&self, error: &dyn std::error::Error) {
        let text = error.to_string();
        let mut complaint = self.complaint();
        if complaint.as_ref() != Some(&text) {
            tracing::error!("{text}; the certificates read before stay in use");
            *complaint = Some(text);
        }
    }

    fn complaint(&self) -> MutexGuard<'_, Option<String>> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::testing::{BEGIN, END, Made, write},
        *,
    };
    use std::fs;
    use tempfile::TempDir;

    fn keeper(until: i64) -> (TempDir, Made, Keeper) {
        let place = tempfile::tempdir().unwrap();
        let authority = Made::authority(BEGIN, END);
        write(place.path(), &authority, &authority.user(BEGIN, until));
        let folder = Folder::new(place.path(), None);
        let certificates = folder.check(folder.read().unwrap()).unwrap();
        (place, authority, Keeper::new(folder, certificates))
    }

    impl Keeper {
        /// Without the pause; `meanwhile` happens instead.
        fn look_now(&self, meanwhile: impl Fn()) -> Result<Option<Certificates>, CertificateError> {
            let looked = self.look(|| self.folder.read(), meanwhile);
            if let Err(error) = &looked {
                self.complain(error);
            }
            looked
        }
    }

    #[test]
    fn a_replaced_set_is_taken_up_as_soon_as_it_is_whole() {
        let (place, authority, keeper) = keeper(END);
        assert!(keeper.look_now(|| ()).unwrap().is_none());

        let newer = authority.user(BEGIN, END);
        fs::write(place.path().join("service.cert"), newer.pem()).unwrap();
        assert!(matches!(keeper.look_now(|| ()), Err(CertificateError::Mismatch { .. })));
        assert_eq!(keeper.lapse(), None, "the set in use is as good as before");

        fs::write(place.path().join("service.key"), newer.key()).unwrap();
        let taken = keeper.look_now(|| ()).unwrap().unwrap();
        keeper.take(taken);
        assert!(keeper.look_now(|| ()).unwrap().is_none());
        assert!(keeper.complaint().is_none());
    }

    #[test]
    fn files_that_are_being_written_are_left_alone() {
        let (place, authority, keeper) = keeper(END);
        let newer = authority.user(BEGIN, END);
        write(place.path(), &authority, &newer);
        let other = Made::authority(BEGIN, END);
        let meanwhile = || fs::write(place.path().join("ca.pem"), other.pem()).unwrap();
        assert!(keeper.look_now(meanwhile).unwrap().is_none());
        assert!(keeper.look_now(|| ()).unwrap().is_some());
    }

    #[test]
    fn an_expired_set_is_reported_until_a_current_one_is_there() {
        let (place, authority, keeper) = keeper(BEGIN + 1);
        assert!(keeper.look_now(|| ()).unwrap().is_none());
        assert!(keeper.lapse().unwrap().contains("service.cert"));

        // Half of the replacement says what is still to be done.
        let newer = authority.user(BEGIN, END);
        fs::write(place.path().join("service.cert"), newer.pem()).unwrap();
        assert!(keeper.look_now(|| ()).is_err());
        assert!(keeper.lapse().unwrap().contains("does not belong"));

        fs::write(place.path().join("service.key"), newer.key()).unwrap();
        let taken = keeper.look_now(|| ()).unwrap().unwrap();
        keeper.take(taken);
        assert_eq!(keeper.lapse(), None);
    }

    #[test]
    fn an_expired_set_does_not_replace_one_in_date() {
        let (place, authority, keeper) = keeper(END);
        write(place.path(), &authority, &authority.user(BEGIN, BEGIN + 1));
        assert!(matches!(keeper.look_now(|| ()), Err(CertificateError::Expired { .. })));
        assert_eq!(keeper.lapse(), None);
    }
}
