//! Finds where records end in a stream of ciphertext, and bounds how many one call may process.

use crate::tls::record::HEADER;

/// The work of one call: 128 records with data, or a fourth of that number without data, such as
/// session tickets and key updates. Either takes about a millisecond in the component. The other
/// connections of an instance wait that long, and it is a hundred times what a call costs its
/// caller.
const CALL: usize = 128;

/// What a record without data costs, in records with data: new keys take several hashes.
const IDLE_RECORD: usize = 4;

/// How many bytes of records without data cost as much as a record with data: a record may hold
/// hundreds of tickets.
const IDLE_BYTES: usize = 32;

/// The work that is left for one call.
#[derive(Debug)]
pub struct Work {
    left: usize,
}

impl Work {
    /// The work of one call.
    #[must_use]
    pub fn of_a_call() -> Self {
        Self { left: CALL }
    }

    /// Work without a bound, for callers that hold all the ciphertext there is.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { left: usize::MAX }
    }

    /// Whether the rest is for the next call.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Accounts for a read from the transport, which costs as much as a record without data.
    pub fn count_read(&mut self) {
        self.spend(IDLE_RECORD);
    }

    /// Accounts for records that have ended: `ciphertext` is how many bytes they ended with, and
    /// `data` how many bytes of data were in them. A record with data has at least one byte of it.
    pub(super) fn count(&mut self, records: usize, ciphertext: usize, data: usize) {
        let with_data = records.min(data);
        let idle = records.saturating_sub(with_data);
        self.spend(with_data.saturating_add(idle.saturating_mul(IDLE_RECORD)));
        if idle > 0 {
            self.spend(ciphertext / IDLE_BYTES);
        }
    }

    /// How many records may be processed before it is known what is in them.
    pub(super) fn records(&self) -> usize {
        self.left.div_ceil(IDLE_RECORD)
    }

    fn spend(&mut self, cost: usize) {
        self.left = self.left.saturating_sub(cost);
    }
}

/// The position of a stream within a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Boundary {
    /// Bytes of the header that have passed.
    header: usize,
    /// Bytes of the body that are to come.
    body: usize,
}

impl Boundary {
    /// Lets bytes pass until `most` records have ended. Returns how many bytes have passed, and how
    /// many records have ended.
    pub(super) fn pass(&mut self, bytes: &[u8], most: usize) -> (usize, usize) {
        let (mut passed, mut ended) = (0, 0);
        while ended < most {
            let rest = bytes.get(passed..).unwrap_or_default();
            let Some(&byte) = rest.first() else { break };
            if self.header < HEADER {
                self.header += 1;
                passed += 1;
                // The length is big-endian, in the last two bytes.
                if self.header + 1 >= HEADER {
                    self.body = (self.body << 8) | usize::from(byte);
                }
            } else {
                let length = self.body.min(rest.len());
                self.body -= length;
                passed += length;
            }
            if self.header == HEADER && self.body == 0 {
                *self = Self::default();
                ended += 1;
            }
        }
        (passed, ended)
    }

    /// How many bytes of a record that has begun are known to be to come.
    pub(super) fn to_come(&self) -> usize {
        match self.header {
            HEADER => self.body,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: u8) -> Vec<u8> {
        let mut record = vec![23, 3, 3, 0, length];
        record.extend(vec![0xff; usize::from(length)]);
        record
    }

    #[test]
    fn records_are_counted_wherever_the_bytes_are_cut() {
        let stream = [record(0), record(1), record(200), record(0), record(7)].concat();
        for chunk in 1..stream.len() {
            let mut boundary = Boundary::default();
            let ended = stream.chunks(chunk).map(|bytes| {
                let (passed, ended) = boundary.pass(bytes, usize::MAX);
                assert_eq!(passed, bytes.len());
                ended
            });
            assert_eq!(ended.sum::<usize>(), 5, "in chunks of {chunk}");
        }
    }

    #[test]
    fn passing_stops_at_the_end_of_the_last_record_that_is_asked_for() {
        let stream = [record(3), record(0), record(9)].concat();
        let mut boundary = Boundary::default();
        assert_eq!(boundary.pass(&stream, 2), (13, 2));
        assert_eq!(boundary.pass(&stream[13..], 2), (14, 1));
    }

    #[test]
    fn a_call_has_work_for_four_times_as_many_records_with_data_as_without() {
        for (records, data) in [(128, 1), (32, 0)] {
            let mut work = Work::of_a_call();
            work.count(records - 1, 0, data * (records - 1));
            assert!(!work.is_spent());
            work.count(1, 0, data);
            assert!(work.is_spent());
        }
    }

    #[test]
    fn one_full_record_without_data_is_all_that_a_call_does() {
        let mut work = Work::of_a_call();
        // It comes in four parts.
        work.count(0, 12 * 1024, 0);
        assert!(!work.is_spent());
        work.count(1, 4 * 1024, 0);
        assert!(work.is_spent());
    }
}
