//! A running server that ends with its owner: started, killed, stopped, paused, started again.

use crate::{
    Error,
    process::{Life, Process},
    service::Service,
};
use std::{ops::Deref, path::PathBuf, time::Instant};

/// A server of the stack. Dropping it kills it, and leaves its data where it is.
///
/// It dereferences to what it runs, for its addresses and folders.
pub struct Server<S: Service> {
    service: S,
    process: Process,
}

impl<S: Service> Server<S> {
    /// Starts the server, waits until it answers, and gives it what the product needs of it.
    pub fn start(service: S) -> Result<Self, Error> {
        let mut server = Self::launch(service)?;
        server.wait_until_ready()?;
        server.settle()?;
        Ok(server)
    }

    /// Starts it, and does not wait.
    pub(crate) fn launch(service: S) -> Result<Self, Error> {
        service.prepare()?;
        let process = Process::start(&service, Life::WithItsOwner)?;
        Ok(Self { service, process })
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        let limit = self.service.limits().ready_within;
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            let ready = self.process.wait_until(left, |log| self.service.is_ready(log));
            match ready {
                Err(Error::Ended { tail, .. }) if self.service.is_worth_another_try(&tail) => {
                    self.process = Process::start(&self.service, Life::WithItsOwner)?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.service.log_file()
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends the server as a power cut would (SIGKILL).
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill()
    }

    /// Ends the server in order; SIGKILL if it does not end.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.stop(self.service.limits())
    }

    /// Starts the server again, on the same data and the same ports, and waits until it answers.
    /// One that still runs is stopped first.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop()?;
        self.start_again()?;
        self.wait_until_ready()
    }

    /// As [`Server::restart`], without waiting until it answers.
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.service.prepare()?;
        self.process = Process::start(&self.service, Life::WithItsOwner)?;
        Ok(())
    }

    /// Lets the server hang (SIGSTOP): its connections stay, and nothing answers any more.
    pub fn pause(&self) -> Result<(), Error> {
        self.process.pause()
    }

    /// Lets a server that hangs go on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.process.resume()
    }
}

impl<S: Service> Deref for Server<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.service
    }
}
