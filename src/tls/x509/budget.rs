//! Bounds on the work that a peer can ask for.

use super::names::Name;
use super::refusal::Refusal;

/// What one verification may cost, whatever the peer sent.
pub(super) struct Budget {
    signatures: usize,
    comparisons: usize,
}

impl Default for Budget {
    /// A hundred signatures of elliptic curves, twenty of RSA with 4096 bits, and seven with 8192:
    /// far more than any path in use takes, and a fraction of a second in the component.
    /// Comparisons are of a few bytes each.
    fn default() -> Self {
        Self {
            signatures: 500,
            comparisons: 250_000,
        }
    }
}

impl Budget {
    /// Spends the cost of verifying a signature of a certificate with this key. The time that RSA
    /// takes grows with the square of the key's length.
    pub(super) fn signature(&mut self, key: &[u8]) -> Result<(), Refusal> {
        let length = key.len() / 128;
        spend(
            &mut self.signatures,
            length.saturating_mul(length).saturating_add(5),
        )
    }

    /// Spends the cost of comparing a name with a constraint. A directory name costs more, because
    /// it is converted first.
    pub(super) fn compare(&mut self, name: &Name<'_>, base: &Name<'_>) -> Result<(), Refusal> {
        let length = name.len().saturating_add(base.len());
        let cost = match name {
            Name::Directory(_) => 16_usize.saturating_add(length / 4),
            _ => 1_usize.saturating_add(length / 32),
        };
        spend(&mut self.comparisons, cost)
    }

    /// Spends the cost of looking up this many names.
    pub(super) fn names(&mut self, count: usize) -> Result<(), Refusal> {
        spend(&mut self.comparisons, count)
    }
}

fn spend(left: &mut usize, cost: usize) -> Result<(), Refusal> {
    *left = left.checked_sub(cost).ok_or(Refusal::TooComplex)?;
    Ok(())
}
