//! Standard input and output beside a poll loop: a thread each, a bounded queue between, and a
//! pollable that tells when it is worth another try.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use portcullis_host::{Failure, Instance, Pollable, Signal};

const CHUNK: usize = 32 * 1024;
/// How many chunks wait in a queue: enough to keep both sides busy.
const QUEUE: usize = 2;

/// What comes from a reader.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    End,
    /// Nothing yet: wait for the pollable.
    Nothing,
}

/// A reader that a thread reads ahead.
pub(crate) struct Inlet {
    chunks: Receiver<io::Result<Vec<u8>>>,
    signal: Signal,
    pub(crate) pollable: Pollable,
}

impl Inlet {
    pub(crate) fn new(
        tls: &mut Instance,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, Failure> {
        let (signal, pollable) = tls.signal()?;
        let (sender, chunks) = sync_channel(QUEUE);
        let raised = signal.clone();
        thread::spawn(move || read_all(reader, sender, &raised));
        Ok(Self {
            chunks,
            signal,
            pollable,
        })
    }

    pub(crate) fn read(&self) -> io::Result<Input> {
        // The signal is lowered first, so that a chunk which comes after that raises it again.
        self.signal.lower();
        match self.chunks.try_recv() {
            Ok(chunk) => chunk.map(Input::Bytes),
            Err(TryRecvError::Empty) => Ok(Input::Nothing),
            Err(TryRecvError::Disconnected) => Ok(Input::End),
        }
    }
}

fn read_all(mut reader: impl Read, chunks: SyncSender<io::Result<Vec<u8>>>, raised: &Signal) {
    fn read_some(reader: &mut impl Read) -> Option<io::Result<Vec<u8>>> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => {
                    chunk.truncate(count);
                    return Some(Ok(chunk));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
    while let Some(chunk) = read_some(&mut reader) {
        let failed = chunk.is_err();
        if chunks.send(chunk).is_err() || failed {
            break;
        }
        raised.raise();
    }
    // The closed queue means the end, so it is closed before the last signal.
    drop(chunks);
    raised.raise();
}

/// A writer that a thread writes to from a queue.
pub(crate) struct Outlet {
    chunks: SyncSender<Vec<u8>>,
    signal: Signal,
    pub(crate) pollable: Pollable,
    thread: JoinHandle<io::Result<()>>,
}

/// What became of a chunk.
pub(crate) enum Output {
    Taken,
    /// No room: wait for the pollable, and try again with these bytes.
    Full(Vec<u8>),
    /// Nobody reads any more.
    Broken,
}

impl Outlet {
    pub(crate) fn new(
        tls: &mut Instance,
        writer: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let (signal, pollable) = tls.signal()?;
        let (chunks, receiver) = sync_channel(QUEUE);
        let raised = signal.clone();
        let thread = thread::spawn(move || write_all(writer, receiver, &raised));
        Ok(Self {
            chunks,
            signal,
            pollable,
            thread,
        })
    }

    pub(crate) fn write(&self, chunk: Vec<u8>) -> Output {
        self.signal.lower();
        match self.chunks.try_send(chunk) {
            Ok(()) => Output::Taken,
            Err(TrySendError::Full(chunk)) => Output::Full(chunk),
            Err(TrySendError::Disconnected(_)) => Output::Broken,
        }
    }

    /// Waits until everything has been written, including this last chunk.
    pub(crate) fn finish(
        self,
        tls: &mut Instance,
        last: Option<Vec<u8>>,
    ) -> Result<io::Result<()>, Failure> {
        let Self {
            chunks,
            pollable,
            thread,
            ..
        } = self;
        pollable.drop(tls)?;
        if let Some(chunk) = last {
            // This fails if the thread has failed; the reason is returned below.
            let _ = chunks.send(chunk);
        }
        drop(chunks);
        Ok(thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the writing thread failed"))))
    }
}

fn write_all(mut writer: impl Write, chunks: Receiver<Vec<u8>>, raised: &Signal) -> io::Result<()> {
    let result = chunks.iter().try_for_each(|chunk| {
        writer.write_all(&chunk)?;
        writer.flush()?;
        raised.raise();
        Ok(())
    });
    drop(chunks);
    raised.raise();
    result
}
