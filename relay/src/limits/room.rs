//! Room for so much of something at once: bytes, requests, viewers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Room of a fixed size, which is taken in pieces. One atomic number.
pub struct Room {
    size: usize,
    taken: AtomicUsize,
}

/// A piece of a [`Room`]; dropping it gives it back.
pub struct Held {
    room: Arc<Room>,
    amount: usize,
}

impl Room {
    /// Room for so much.
    pub fn new(size: usize) -> Arc<Self> {
        Arc::new(Self { size, taken: AtomicUsize::new(0) })
    }

    /// A piece, if there is so much left.
    pub fn take(self: &Arc<Self>, amount: usize) -> Option<Held> {
        let mut held = Held { room: Arc::clone(self), amount: 0 };
        held.grow(amount).then_some(held)
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

impl Held {
    /// Makes the piece larger, if there is so much left; otherwise it stays as it is.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        // Over the limit for a moment at the most by what others are about to give back.
        let before = self.room.taken.fetch_add(more, Relaxed);
        let fits = before.checked_add(more).is_some_and(|taken| taken <= self.room.size);
        if fits {
            self.amount += more;
        } else {
            self.room.taken.fetch_sub(more, Relaxed);
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.amount, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let room = Room::new(10);
        let mut first = room.take(4).unwrap();
        assert!(first.grow(2) && !first.grow(5));
        let second = room.take(4).unwrap();
        assert!(room.take(1).is_none());
        drop(first);
        assert_eq!(room.taken(), 4);
        assert!(room.take(7).is_none() && room.take(6).is_some());
        drop(second);
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn many_at_once_never_hold_more_than_there_is() {
        let room = Room::new(100);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for amount in (0..50).cycle().take(20_000) {
                        let held = room.take(amount);
                        assert!(held.is_none_or(|held| held.amount == amount));
                    }
                });
            }
        });
        assert_eq!(room.taken(), 0);
    }
}
