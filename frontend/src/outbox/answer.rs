//! What an answer means. Only the relay's own signature is success. Pure.

use schemas::{Receipt, Uuid};

/// What came back for a request, as far as the page could see it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: no network, a timeout, a redirect, an opaque answer, a body that broke off.
    Nothing,
    /// An HTTP answer.
    Http {
        /// The status code.
        status: u16,
        /// Whether the header [`schemas::RECEIPT_HEADER`] was there.
        signed: bool,
        /// `Retry-After` in seconds, where there was one.
        retry_after: Option<f64>,
        /// The body as text.
        body: String,
    },
}

/// What the outbox does about it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The relay's own receipt for this session.
    Receipt(Box<Receipt>),
    /// The request as a whole can never succeed; a part of it may. `by_relay`: the relay says so
    /// itself, so even a single event is refused for good.
    Split { by_relay: bool },
    /// Keep everything, try again later.
    Later { retry_after: Option<f64> },
}

impl Answer {
    pub(super) fn judge(self, session_id: Uuid) -> Verdict {
        let Answer::Http { status, signed, retry_after, body } = self else {
            return Verdict::Later { retry_after: None };
        };
        match status {
            200 if signed => match serde_json::from_str::<Receipt>(&body) {
                Ok(receipt) if receipt.session_id == session_id => {
                    Verdict::Receipt(Box::new(receipt))
                }
                // Signed, and not what was asked: somebody mixed up answers. Nothing is known.
                _ => Verdict::Later { retry_after: None },
            },
            // Any proxy on the way may find a request too large: smaller ones may pass.
            413 => Verdict::Split { by_relay: signed },
            400 | 422 if signed => Verdict::Split { by_relay: true },
            _ => Verdict::Later { retry_after },
        }
    }
}
