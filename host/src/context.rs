//! Handle on a context: interface `context`.
//!
//! Over 400 lines: the functions of the interface are many, and only call.

use std::time::Duration;

use wasmtime::component::ResourceAny;

use crate::context_types::{
    AlpnMismatch, CipherListReport, DirectoryReport, KeyKind, RevocationScope, ServerName,
    Truncation, UnknownRevocation, Verify, VerifyName,
};
use crate::failure::Failure;
use crate::instance::{Instance, ask, call};
use crate::key_log::KeyLog;
use crate::source::Source;
use crate::types::{Role, Timer, Version};

/// A configuration for connections of one role; see resource `context` in `wit/context.wit` for
/// what each function does and which errors it has.
#[derive(Debug)]
pub struct Context(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "wit/context.wit lists the errors of each function"
)]
impl Context {
    /// A context that is safe as it is.
    pub fn secure(instance: &mut Instance, role: Role) -> Result<Self, Failure> {
        ask!(instance, context.call_secure, role).map(Self)
    }

    /// A context that verifies nothing until asked.
    pub fn unverified(instance: &mut Instance, role: Role) -> Result<Self, Failure> {
        ask!(instance, context.call_unverified, role).map(Self)
    }

    /// An open context with the same settings, to be changed for later connections.
    pub fn copy(&self, instance: &mut Instance) -> Result<Self, Failure> {
        ask!(instance, context.call_copy, self.0).map(Self)
    }

    /// The role it was made for.
    pub fn role(&self, instance: &mut Instance) -> Result<Role, Failure> {
        ask!(instance, context.call_role, self.0)
    }

    /// Choose the versions by one of the seed's names.
    pub fn set_protocol(&self, instance: &mut Instance, name: &str) -> Result<(), Failure> {
        call!(instance, context.call_set_protocol, self.0, name)
    }

    /// Choose the lowest and the highest version.
    pub fn set_versions(
        &self,
        instance: &mut Instance,
        lowest: Version,
        highest: Version,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_versions, self.0, lowest, highest)
    }

    /// Choose the cipher suites and their order by a list in OpenSSL's syntax; returns the words
    /// that had no effect.
    pub fn set_cipher_list(
        &self,
        instance: &mut Instance,
        words: &[String],
    ) -> Result<CipherListReport, Failure> {
        call!(instance, context.call_set_cipher_list, self.0, words)
    }

    /// The cipher suites of the permitted versions in order, TLS 1.3 first.
    pub fn cipher_suites(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, context.call_cipher_suites, self.0)
    }

    /// The key exchange groups that the component has, by their IANA names and in the order of
    /// preference.
    pub fn supported_groups(instance: &mut Instance) -> Result<Vec<String>, Failure> {
        let Instance { store, exports } = instance;
        Ok(exports.context(store)?.call_supported_groups(store)?)
    }

    /// Choose the key exchange groups and their order by their IANA names, in any case.
    pub fn set_groups(
        &self,
        instance: &mut Instance,
        groups: &[impl AsRef<str>],
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_groups, self.0, &owned(groups))
    }

    /// The key exchange groups in order, by their IANA names.
    pub fn groups(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, context.call_groups, self.0)
    }

    /// The signature schemes that the component has, by their IANA names.
    pub fn supported_signature_schemes(instance: &mut Instance) -> Result<Vec<String>, Failure> {
        let Instance { store, exports } = instance;
        Ok(exports
            .context(store)?
            .call_supported_signature_schemes(store)?)
    }

    /// Choose the signature schemes of handshakes and their order by their IANA names.
    pub fn set_signature_schemes(
        &self,
        instance: &mut Instance,
        schemes: &[impl AsRef<str>],
    ) -> Result<(), Failure> {
        let schemes: Vec<_> = schemes
            .iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        call!(
            instance,
            context.call_set_signature_schemes,
            self.0,
            &schemes
        )
    }

    /// The signature schemes in order.
    pub fn signature_schemes(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, context.call_signature_schemes, self.0)
    }

    /// Say whose order of cipher suites a server follows.
    pub fn set_suite_preference(&self, instance: &mut Instance, role: Role) -> Result<(), Failure> {
        call!(instance, context.call_set_suite_preference, self.0, role)
    }

    /// Choose the application protocols, the preferred first (RFC 7301).
    pub fn set_alpn(
        &self,
        instance: &mut Instance,
        protocols: &[impl AsRef<str>],
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_alpn, self.0, &owned(protocols))
    }

    /// The application protocols in order.
    pub fn alpn(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, context.call_alpn, self.0)
    }

    /// Say what a server does where no application protocol is in common.
    pub fn set_alpn_mismatch(
        &self,
        instance: &mut Instance,
        mismatch: AlpnMismatch,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_alpn_mismatch, self.0, mismatch)
    }

    /// Serve the clients that ask for this name, or for one that a wildcard stands for, with another
    /// context.
    pub fn add_name(
        &self,
        instance: &mut Instance,
        name: &str,
        context: &Self,
    ) -> Result<(), Failure> {
        call!(instance, context.call_add_name, self.0, name, context.0)
    }

    /// Have the caller choose the context of each connection by its ClientHello.
    pub fn ask_for_context(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, context.call_ask_for_context, self.0)
    }

    /// Keep at most this many sessions in memory.
    pub fn set_session_cache(&self, instance: &mut Instance, sessions: u32) -> Result<(), Failure> {
        call!(instance, context.call_set_session_cache, self.0, sessions)
    }

    /// Resume the sessions of a server for this many seconds.
    pub fn set_session_lifetime(
        &self,
        instance: &mut Instance,
        seconds: u32,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_session_lifetime, self.0, seconds)
    }

    /// Choose how many tickets a server sends in TLS 1.3.
    pub fn set_ticket_count(&self, instance: &mut Instance, tickets: u32) -> Result<(), Failure> {
        call!(instance, context.call_set_ticket_count, self.0, tickets)
    }

    /// Have clients keep the sessions of a server, in tickets under keys derived from these secrets:
    /// the first seals, all open.
    pub fn set_ticket_keys(
        &self,
        instance: &mut Instance,
        secrets: &[Vec<u8>],
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_ticket_keys, self.0, secrets)
    }

    /// How many handshakes were done that resumed nothing.
    pub fn full_handshakes(&self, instance: &mut Instance) -> Result<u64, Failure> {
        ask!(instance, context.call_full_handshakes, self.0)
    }

    /// How many handshakes were done that resumed a session.
    pub fn resumed_handshakes(&self, instance: &mut Instance) -> Result<u64, Failure> {
        ask!(instance, context.call_resumed_handshakes, self.0)
    }

    /// Have what a server writes leave before the client's Finished.
    pub fn write_before_finished(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, context.call_write_before_finished, self.0)
    }

    /// Let ports of this client send early data with the sessions that they resume. It can be replayed.
    pub fn offer_early_data(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, context.call_offer_early_data, self.0)
    }

    /// Have a server take up to so many bytes of early data of each client.
    pub fn accept_early_data(&self, instance: &mut Instance, limit: u32) -> Result<(), Failure> {
        call!(instance, context.call_accept_early_data, self.0, limit)
    }

    /// Log the secrets of all connections that are made with this context and with copies of it.
    pub fn log_keys(&self, instance: &mut Instance) -> Result<KeyLog, Failure> {
        call!(instance, context.call_log_keys, self.0).map(KeyLog)
    }

    /// Take the certificate chain that identifies this side.
    pub fn load_certificate_chain(
        &self,
        instance: &mut Instance,
        source: &Source,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_load_certificate_chain,
            self.0,
            &source.for_bindings()
        )
    }

    /// Take the private key.
    pub fn load_private_key(
        &self,
        instance: &mut Instance,
        source: &Source,
        kind: KeyKind,
        passphrase: Option<&str>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_load_private_key,
            self.0,
            &source.for_bindings(),
            kind,
            passphrase
        )
    }

    /// Take chain and private key in one step.
    pub fn load_identity(
        &self,
        instance: &mut Instance,
        chain: &Source,
        key: &Source,
        passphrase: Option<&str>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_load_identity,
            self.0,
            &chain.for_bindings(),
            &key.for_bindings(),
            passphrase
        )
    }

    /// Offer one more chain and private key to choose from.
    pub fn add_identity(
        &self,
        instance: &mut Instance,
        chain: &Source,
        key: &Source,
        passphrase: Option<&str>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_add_identity,
            self.0,
            &chain.for_bindings(),
            &key.for_bindings(),
            passphrase
        )
    }

    /// Present this OCSP response with the chain that is loaded, to clients that ask for one.
    pub fn load_staple(&self, instance: &mut Instance, source: &Source) -> Result<(), Failure> {
        call!(
            instance,
            context.call_load_staple,
            self.0,
            &source.for_bindings()
        )
    }

    /// Take chain and private key out of PKCS#12 in one step.
    pub fn load_pkcs12(
        &self,
        instance: &mut Instance,
        source: &Source,
        passphrase: Option<&str>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_load_pkcs12,
            self.0,
            &source.for_bindings(),
            passphrase
        )
    }

    /// Trust the certificates of the source; returns how many were new.
    pub fn add_trust_roots(
        &self,
        instance: &mut Instance,
        source: &Source,
    ) -> Result<u32, Failure> {
        call!(
            instance,
            context.call_add_trust_roots,
            self.0,
            &source.for_bindings()
        )
    }

    /// Trust every certificate in every file of a directory; says what it found.
    pub fn add_trust_directory(
        &self,
        instance: &mut Instance,
        path: &str,
    ) -> Result<DirectoryReport, Failure> {
        call!(instance, context.call_add_trust_directory, self.0, path)
    }

    /// Trust the built-in web roots; returns how many were new.
    pub fn add_web_roots(&self, instance: &mut Instance) -> Result<u32, Failure> {
        call!(instance, context.call_add_web_roots, self.0)
    }

    /// Trust what `SSL_CERT_FILE` and `SSL_CERT_DIR` name in the environment of the instance; none if
    /// they name nothing.
    pub fn add_environment_roots(
        &self,
        instance: &mut Instance,
    ) -> Result<Option<DirectoryReport>, Failure> {
        call!(instance, context.call_add_environment_roots, self.0)
    }

    /// Where trust roots come from, and where none was found, in words.
    pub fn trust_sources(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, context.call_trust_sources, self.0)
    }

    /// Suggest these authorities to clients, and no others; returns how many they are.
    pub fn load_suggested_authorities(
        &self,
        instance: &mut Instance,
        source: &Source,
    ) -> Result<u32, Failure> {
        call!(
            instance,
            context.call_load_suggested_authorities,
            self.0,
            &source.for_bindings()
        )
    }

    /// Say what is asked of the peer's certificate.
    pub fn set_verify(&self, instance: &mut Instance, verify: Verify) -> Result<(), Failure> {
        call!(instance, context.call_set_verify, self.0, verify)
    }

    /// Choose the name sent in SNI.
    pub fn set_server_name(
        &self,
        instance: &mut Instance,
        name: &ServerName,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_server_name, self.0, name)
    }

    /// Choose the name that the server's certificate must have.
    pub fn set_verify_name(
        &self,
        instance: &mut Instance,
        name: &VerifyName,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_verify_name, self.0, name)
    }

    /// Pin a public key by the SHA-256 of its SubjectPublicKeyInfo (RFC 7469): the peer's chain must have
    /// a key that is pinned.
    pub fn add_pin(&self, instance: &mut Instance, fingerprint: &[u8]) -> Result<(), Failure> {
        call!(instance, context.call_add_pin, self.0, fingerprint)
    }

    /// Look at the revocation lists of the source too; returns how many were new.
    pub fn add_revocation_lists(
        &self,
        instance: &mut Instance,
        source: &Source,
    ) -> Result<u32, Failure> {
        call!(
            instance,
            context.call_add_revocation_lists,
            self.0,
            &source.for_bindings()
        )
    }

    /// Say whose revocation is looked at, and what is done where no list tells.
    pub fn set_revocation_check(
        &self,
        instance: &mut Instance,
        scope: RevocationScope,
        unknown: UnknownRevocation,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_set_revocation_check,
            self.0,
            scope,
            unknown
        )
    }

    /// Say what the end of the transport without close_notify means.
    pub fn set_truncation(
        &self,
        instance: &mut Instance,
        truncation: Truncation,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_truncation, self.0, truncation)
    }

    /// Choose how many bytes of plaintext a record has at most that this side sends; none is as many as a
    /// record takes.
    pub fn set_record_size(
        &self,
        instance: &mut Instance,
        bytes: Option<u32>,
    ) -> Result<(), Failure> {
        call!(instance, context.call_set_record_size, self.0, bytes)
    }

    /// Set the limit of a timer; none is no limit. Less than a millisecond counts as one.
    pub fn set_timeout(
        &self,
        instance: &mut Instance,
        timer: Timer,
        limit: Option<Duration>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            context.call_set_timeout,
            self.0,
            timer,
            limit.map(milliseconds)
        )
    }

    /// Check that the whole can work, and allow no more changes.
    pub fn seal(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, context.call_seal, self.0)
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self, instance: &mut Instance) -> Result<bool, Failure> {
        ask!(instance, context.call_is_sealed, self.0)
    }

    /// Frees the context; listeners and ports made with it go on.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}

/// A limit in whole milliseconds, rounded up.
pub(crate) fn milliseconds(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Names as the bindings take them.
fn owned(names: &[impl AsRef<str>]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}
