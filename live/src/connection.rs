//! How the numbers come: by a stream when there is one, by asking when a proxy holds the stream back.
//! Pure: what happens goes in, what is to be done comes out.

/// How long an open stream may say nothing. The relay sends something every second.
const SILENCE_MILLIS: u32 = 5_000;
/// Between two questions.
const POLL_MILLIS: u32 = 2_000;
/// The same when they are not answered, at most.
const MOST_POLL_MILLIS: u32 = 5_000;
/// Between two attempts at a stream that opens but says nothing.
const SILENT_RETRY_MILLIS: u32 = 15_000;
/// Ceiling of the wait after the first broken stream, and what it grows to.
const FIRST_RETRY_MILLIS: u32 = 1_000;
const MOST_RETRY_MILLIS: u32 = 15_000;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The page is in view, for the first time or again.
    Shown,
    /// The page is not in view any more.
    Hidden,
    /// The browser believes that there is a network again.
    Online,
    /// The stream is open.
    Opened,
    /// Numbers came by the stream.
    Heard,
    /// The stream broke, or could not be opened.
    Broke,
    /// A question was answered with numbers.
    Answered,
    /// A question was not.
    Unanswered,
    /// The time is over.
    Rang(Alarm),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Open a stream.
    Open,
    /// Close the stream.
    Close,
    /// Ask for the numbers once.
    Ask,
    /// Say [`Input::Rang`] after so many milliseconds, instead of what was set before.
    Set(Alarm, u32),
    /// Do not say it.
    Stop(Alarm),
}

/// What time is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The stream says nothing.
    Silence,
    /// Try the stream again.
    Retry,
    /// Ask again.
    Poll,
}

/// How it goes, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Not known yet.
    Connecting,
    /// Numbers come as they change.
    Live,
    /// Numbers come every other second.
    Polling,
    /// Nothing comes.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Closed,
    Opening,
    Heard,
}

/// The state.
#[derive(Debug)]
pub struct Connection {
    /// A projector's page goes on when it is hidden.
    goes_on_hidden: bool,
    hidden: bool,
    stream: Stream,
    broken: u32,
    polling: bool,
    answered: bool,
    unanswered: u32,
}

impl Connection {
    /// Nothing is open.
    pub fn new() -> Self {
        Self {
            goes_on_hidden: false,
            hidden: true,
            stream: Stream::Closed,
            broken: 0,
            polling: false,
            answered: false,
            unanswered: 0,
        }
    }

    /// Whether it goes on while the page is hidden.
    pub fn go_on_hidden(&mut self, goes_on_hidden: bool) {
        self.goes_on_hidden = goes_on_hidden;
    }

    /// How it goes.
    pub fn link(&self) -> Link {
        match self.stream {
            Stream::Heard => Link::Live,
            _ if self.polling && self.answered => Link::Polling,
            _ if self.broken > 0 => Link::Lost,
            _ => Link::Connecting,
        }
    }

    /// Takes what happened. `random` lies in 0..1: a hall of screens must not come back at one moment.
    pub fn handle(&mut self, input: Input, random: f64) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.hidden && !matches!(input, Input::Shown) {
            return orders; // Late news of what was closed.
        }
        match input {
            Input::Shown | Input::Online => {
                self.hidden = false;
                if self.stream != Stream::Heard {
                    self.broken = 0;
                    self.open(&mut orders);
                }
                if self.polling {
                    self.unanswered = 0;
                    orders.push(Order::Ask);
                }
            }
            Input::Hidden if self.goes_on_hidden => {}
            Input::Hidden => {
                self.hidden = true;
                self.close(&mut orders);
                self.stop_polling(&mut orders);
                orders.push(Order::Stop(Alarm::Retry));
            }
            Input::Opened => orders.push(Order::Set(Alarm::Silence, SILENCE_MILLIS)),
            Input::Heard => {
                if self.stream != Stream::Closed {
                    self.stream = Stream::Heard;
                    self.broken = 0;
                    orders.push(Order::Set(Alarm::Silence, SILENCE_MILLIS));
                    self.stop_polling(&mut orders);
                }
            }
            Input::Broke if self.stream == Stream::Closed => {}
            Input::Broke => {
                self.close(&mut orders);
                let ceiling = FIRST_RETRY_MILLIS
                    .saturating_mul(1 << self.broken.min(8))
                    .min(MOST_RETRY_MILLIS);
                let wait = f64::from(ceiling) * (0.5 + random.clamp(0.0, 1.0) / 2.0);
                orders.push(Order::Set(Alarm::Retry, wait as u32));
                self.broken += 1;
                // Once may be a restart. A second time something is between that lets no stream pass.
                if self.broken > 1 {
                    self.start_polling(&mut orders);
                }
            }
            Input::Rang(Alarm::Silence) => {
                self.close(&mut orders);
                orders.push(Order::Set(Alarm::Retry, SILENT_RETRY_MILLIS));
                self.broken += 1;
                self.start_polling(&mut orders);
            }
            Input::Rang(Alarm::Retry) => {
                if self.stream == Stream::Closed {
                    self.open(&mut orders);
                }
            }
            Input::Rang(Alarm::Poll) => {
                if self.polling {
                    orders.push(Order::Ask);
                }
            }
            Input::Answered | Input::Unanswered if !self.polling => {}
            Input::Answered => {
                // The relay is back: perhaps the stream is, too.
                if self.unanswered > 0 && self.stream == Stream::Closed {
                    self.open(&mut orders);
                }
                self.answered = true;
                self.unanswered = 0;
                orders.push(Order::Set(Alarm::Poll, POLL_MILLIS));
            }
            Input::Unanswered => {
                self.answered = false;
                let wait = POLL_MILLIS.saturating_mul(1 << self.unanswered.min(4));
                self.unanswered += 1;
                orders.push(Order::Set(Alarm::Poll, wait.min(MOST_POLL_MILLIS)));
            }
        }
        orders
    }

    fn open(&mut self, orders: &mut Vec<Order>) {
        if self.stream != Stream::Closed {
            orders.push(Order::Close);
        }
        self.stream = Stream::Opening;
        // One that cannot be opened for so long is as good as silent.
        orders.extend([
            Order::Stop(Alarm::Retry),
            Order::Open,
            Order::Set(Alarm::Silence, SILENCE_MILLIS),
        ]);
    }

    fn close(&mut self, orders: &mut Vec<Order>) {
        if self.stream != Stream::Closed {
            self.stream = Stream::Closed;
            orders.push(Order::Close);
        }
        orders.push(Order::Stop(Alarm::Silence));
    }

    fn start_polling(&mut self, orders: &mut Vec<Order>) {
        if !self.polling {
            (self.polling, self.answered, self.unanswered) = (true, false, 0);
            orders.push(Order::Ask);
        }
    }

    fn stop_polling(&mut self, orders: &mut Vec<Order>) {
        if self.polling {
            self.polling = false;
            orders.push(Order::Stop(Alarm::Poll));
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
