//! Polls of a connection in the clear. Its limit is one on each wait.

use std::io::Result;
use std::task::{Context, Poll, ready};

use wasip2::sockets::tcp::ShutdownType;

use crate::AsyncPlainStream;
use crate::connector::failure;
use crate::types::{NetworkOperation, Timer};
use crate::wstd_plain::wait;

impl AsyncPlainStream {
    /// Fill the front of the buffer; nothing at the end.
    pub(super) fn poll_into(
        &mut self,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(self.polls.reads.poll(task))?;
            if self.link.fill()? {
                return Poll::Ready(self.link.take_into(buffer));
            }
            let (ready, deadline) = (self.link.input.subscribe(), self.link.deadline());
            self.polls.reads.begin(wait(ready, deadline, Timer::Read));
        }
    }

    /// How many of the bytes were taken.
    pub(super) fn poll_put(&mut self, task: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        loop {
            ready!(self.polls.writes.poll(task))?;
            if let Some(written) = self.link.write(bytes)? {
                // What is flushed by then does not have these bytes.
                self.polls.is_flushing = false;
                return Poll::Ready(Ok(written));
            }
            self.wait_for_room();
        }
    }

    pub(super) fn poll_flushed(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            ready!(self.polls.writes.poll(task))?;
            // To begin it again would put off its end.
            if !self.polls.is_flushing {
                self.link.flush()?;
                self.polls.is_flushing = true;
            }
            if self.link.is_writable()? {
                self.polls.is_flushing = false;
                return Poll::Ready(Ok(()));
            }
            self.wait_for_room();
        }
    }

    pub(super) fn poll_output_closed(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_flushed(task))?;
        let closed = self.link.socket.shutdown(ShutdownType::Send);
        let failed = |code| failure(NetworkOperation::Write, code, "the connection");
        Poll::Ready(closed.map_err(|code| failed(code).into()))
    }

    fn wait_for_room(&mut self) {
        let (ready, deadline) = (self.link.output.subscribe(), self.link.deadline());
        self.polls.writes.begin(wait(ready, deadline, Timer::Write));
    }
}
