//! What is found and may be: what is decided there is public, or is published afterwards.

use super::findings::Finding;

/// A function in which something is found, and why that is no leak.
pub(super) struct Expected {
    /// What the operation's name begins with.
    operation: &'static str,
    /// The function, and from `<` on those that it is in; with `^` it is the innermost.
    pub(super) function: &'static str,
    pub(super) reason: &'static str,
}

impl Expected {
    pub(super) fn fits(&self, operation: &str, finding: &Finding) -> bool {
        operation.starts_with(self.operation) && finding.is_in(self.function)
    }
}

/// Branches and addresses.
pub(super) const FINDINGS: &[Expected] = &[
    Expected {
        operation: "",
        function: "^open",
        reason: "whether the tag is right, which the peer is told",
    },
    Expected {
        operation: "X25519",
        function: "^secret",
        reason: "a shared secret of zeros is refused, which a peer has to ask for",
    },
    Expected {
        operation: "X25519MLKEM768",
        function: "rej_sample < sample_matrix_A",
        reason: "the matrix is public: what it is made of is sent",
    },
    Expected {
        operation: "EC",
        function: "^from_bytes < from_slice",
        reason: "a private key of zero is refused",
    },
    Expected {
        operation: "EC",
        function: "from_u8",
        reason: "the first byte of a public key",
    },
    Expected {
        operation: "EC",
        function: "^memcmp < equal_same_length < eq < validate_public_key",
        reason: "whether the public key in the file is that of the private one",
    },
    Expected {
        operation: "ECDSA",
        function: "^fill_next_k",
        reason: "a candidate for a nonce is above the order, and is not used",
    },
    Expected {
        operation: "ECDSA",
        function: "into_option < sign_prehashed_rfc6979",
        reason: "a nonce of zero, which does not occur",
    },
    Expected {
        operation: "ECDSA",
        function: "unwrap < invert < sign_prehashed",
        reason: "a nonce of zero, which does not occur",
    },
    Expected {
        operation: "ECDSA",
        function: "from_scalars < sign_prehashed",
        reason: "whether a part of the signature is zero: the signature is public",
    },
    Expected {
        operation: "EC",
        function: "^then_some < secret",
        reason: "whether a private key or a nonce is from 1 to n - 1, which it is",
    },
    Expected {
        operation: "ECDSA",
        function: "nonzero < sign_with",
        reason: "whether a part of the signature is zero: the signature is public",
    },
    Expected {
        operation: "ECDSA",
        function: "from_scalars < sign",
        reason: "the same",
    },
    Expected {
        operation: "ECDSA",
        function: "to_der",
        reason: "encoding of the signature, which is public",
    },
    Expected {
        operation: "RSA",
        function: "decode_value",
        reason: "once for each key: how many zeros a number begins with",
    },
    Expected {
        operation: "RSA",
        function: "from_components < try_from",
        reason: "once for each key: whether its parts belong together, and what is computed ahead",
    },
    Expected {
        operation: "RSA",
        function: "into_option < from < crt_coefficient",
        reason: "once for each key: whether one prime has an inverse modulo the other",
    },
    Expected {
        operation: "RSA",
        function: "^new < from_parts",
        reason: "once for each key: whether its primes are odd and as long as they have to be",
    },
    Expected {
        operation: "RSA",
        function: "^into_option < blinding",
        reason: "whether a blinding factor has an inverse",
    },
    Expected {
        operation: "RSA",
        function: "lt < blinding",
        reason: "a candidate for a blinding factor is above the modulus, and is not used",
    },
    Expected {
        operation: "RSA",
        function: "ne < apply",
        reason: "whether the signature is right, which it is unless the machine errs",
    },
];

/// Divisions, whose time depends on their operands.
pub(super) const DIVISIONS: &[Expected] = &[
    Expected {
        operation: "",
        function: "rsa::algorithms::reduction::to_monty",
        reason: "how many parts of a number's length there are",
    },
    Expected {
        operation: "",
        function: "rsa_private::Prime::power",
        reason: "how many numbers the table of powers has room for",
    },
];
