//! Certificates of a run, in a folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// A directory with an authority (`ca.pem`), a server's identity for localhost (`cert.pem`,
/// `key.pem`), and the authority's lists that do not have it and that have it
/// (`lists/nothing.pem`, `lists/server.pem`); removed with the value. It belongs to the user of the
/// servers.
pub struct Folder(pub PathBuf);

impl Folder {
    /// With a key on P-256.
    pub fn new(name: &str) -> Self {
        Self::with_key(name, &KeyPair::generate().unwrap())
    }

    pub fn with_key(name: &str, key: &KeyPair) -> Self {
        // Another user must be able to go there, which the target directory may not allow.
        let folder = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        // Two authorities with the same name would be taken for each other.
        parameters
            .distinguished_name
            .push(DnType::CommonName, format!("Root of {name}"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = parameters.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(parameters, ca_key);
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut leaf = CertificateParams::new(names).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, "Server");
        leaf.serial_number = Some(SERIAL.into());
        let leaf = leaf.signed_by(key, &issuer).unwrap();
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        fs::write(folder.join("cert.pem"), leaf.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        // PostgreSQL insists on this mode.
        let secret = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.join("key.pem"), secret).unwrap();
        fs::create_dir(folder.join("lists")).unwrap();
        for (name, revoked) in [("nothing", None), ("server", Some(SERIAL))] {
            let path = folder.join(format!("lists/{name}.pem"));
            fs::write(path, list(&issuer, revoked)).unwrap();
        }
        let user = User::of_servers();
        let lists = ["lists", "lists/nothing.pem", "lists/server.pem"];
        for path in ["", "ca.pem", "cert.pem", "key.pem"]
            .into_iter()
            .chain(lists)
        {
            user.own(folder.join(path));
        }
        Self(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

/// The serial number of the server's certificate.
const SERIAL: u64 = 5;

/// A revocation list, as PEM.
fn list(issuer: &Issuer<'_, KeyPair>, revoked: Option<u64>) -> String {
    let revoked = revoked.map(|serial| RevokedCertParams {
        serial_number: serial.into(),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2049, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.into_iter().collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(issuer).unwrap().pem().unwrap()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The user that servers run as: an unprivileged one, because some servers refuse to be root.
pub struct User {
    pub name: String,
    pub group: String,
    /// The ids to become; none if they are ours.
    ids: Option<(u32, u32)>,
}

impl User {
    pub fn of_servers() -> Self {
        let id = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let is_root = id(&["-u"]) == "0";
        let of: &[&str] = if is_root { &["nobody"] } else { &[] };
        let ask = |what| id(&[&[what], of].concat());
        let number = |what| ask(what).parse().unwrap();
        Self {
            name: ask("-un"),
            group: ask("-gn"),
            ids: is_root.then(|| (number("-u"), number("-g"))),
        }
    }

    /// Give a file or directory to this user.
    pub fn own(&self, path: impl AsRef<Path>) {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// A program as this user, in the folder.
    pub fn command(&self, program: &Path, folder: &Folder) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&folder.0).stdin(Stdio::null());
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}
