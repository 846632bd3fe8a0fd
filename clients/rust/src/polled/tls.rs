//! Polls of a TLS connection.

use std::io::Result;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Waiting;
use crate::types::Error;
use crate::words::{self, MANY};
use crate::wstd_stream::{WRITE_SIZE, ready, wanted};
use crate::{AsyncTlsStream, Port};

impl AsyncTlsStream {
    /// Up to so many bytes; none at the end.
    pub(super) fn poll_plaintext(
        &mut self,
        task: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Vec<u8>>> {
        if most == 0 {
            return Poll::Ready(Ok(Vec::new()));
        }
        let length = u64::try_from(most).unwrap_or(u64::MAX);
        let read = |port: &Port| match most < MANY {
            true => port.read(length),
            false => Ok(port.read_words(length)?.as_ref().map(words::bytes)),
        };
        let read = ready!(self.poll_repeat(task, |stream| &mut stream.polls.reads, read))?;
        Poll::Ready(Ok(read.unwrap_or_default()))
    }

    /// How many of the bytes were taken.
    pub(super) fn poll_put(
        &mut self,
        task: &mut Context<'_>,
        plaintext: &[u8],
    ) -> Poll<Result<usize>> {
        let front = plaintext.get(..WRITE_SIZE).unwrap_or(plaintext);
        let written = ready!(self.poll_write_side(task, |port| words::write(port, front)))?;
        Poll::Ready(Ok(usize::try_from(written).unwrap_or(usize::MAX)))
    }

    pub(super) fn poll_flushed(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_write_side(task, Port::flush)
    }

    pub(super) fn poll_output_closed(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_write_side(task, Port::close_output)
    }

    fn poll_write_side<T>(
        &mut self,
        task: &mut Context<'_>,
        operation: impl FnMut(&Port) -> std::result::Result<T, Error>,
    ) -> Poll<Result<T>> {
        self.poll_repeat(task, |stream| &mut stream.polls.writes, operation)
    }

    /// As [`repeat`](Self::repeat), and keeps what it waits for until the next poll.
    fn poll_repeat<T>(
        &mut self,
        task: &mut Context<'_>,
        waiting: fn(&mut Self) -> &mut Waiting,
        mut operation: impl FnMut(&Port) -> std::result::Result<T, Error>,
    ) -> Poll<Result<T>> {
        loop {
            ready!(waiting(self).poll(task))?;
            let result = operation(&self.port);
            self.tell_others(&result);
            let Some(direction) = wanted(&result) else {
                return Poll::Ready(Ok(result?));
            };
            let ready = ready(&self.port, direction);
            let waiters = Arc::clone(&self.waiters);
            waiting(self).begin(async move {
                waiters.wait(direction, ready).await;
                Ok(())
            });
        }
    }
}
