//! A certificate authority in memory, for the demonstration.

use portcullis_host::context_types::Source;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, date_time_ymd,
};

/// An authority that is made anew for each run and forgotten with it.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) chain: Source,
    pub(crate) key: Source,
}

/// When a certificate is valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Now,
    Past,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(
            parameters,
            KeyPair::generate()?,
        )?))
    }

    /// The certificate to trust.
    pub(crate) fn root(&self) -> Source {
        Source::Bytes(self.0.as_ref().pem().into_bytes())
    }

    /// A certificate for a server of this name, or a client.
    pub(crate) fn issue(&self, name: &str, validity: Validity) -> Result<Identity, Error> {
        let mut parameters = CertificateParams::new([name.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if validity == Validity::Past {
            parameters.not_before = date_time_ymd(2019, 1, 1);
            parameters.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate()?;
        let chain = parameters.signed_by(&key, &self.0)?;
        Ok(Identity {
            chain: Source::Bytes(chain.pem().into_bytes()),
            key: Source::Bytes(key.serialize_pem().into_bytes()),
        })
    }
}
