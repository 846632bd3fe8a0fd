//! Bounds on the work that a peer can ask for.

use super::names::Name;
use super::refusal::Refusal;

/// What one verification may cost, whatever the peer sent.
pub(super) struct Budget {
    signatures: u32,
    comparisons: u32,
}

impl Default for Budget {
    /// As much as webpki allows, which is far more than any path in use takes.
    fn default() -> Self {
        Self {
            signatures: 100,
            comparisons: 250_000,
        }
    }
}

impl Budget {
    /// Of a certificate.
    pub(super) fn signature(&mut self) -> Result<(), Refusal> {
        spend(&mut self.signatures, 1)
    }

    /// Of a name with a constraint; a directory name takes several times as long as others.
    pub(super) fn compare(&mut self, name: &Name<'_>) -> Result<(), Refusal> {
        let cost = match name {
            Name::Directory(_) => 16,
            _ => 1,
        };
        spend(&mut self.comparisons, cost)
    }
}

fn spend(left: &mut u32, cost: u32) -> Result<(), Refusal> {
    *left = left.checked_sub(cost).ok_or(Refusal::TooComplex)?;
    Ok(())
}
