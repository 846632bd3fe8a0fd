//! MQTT by mqttbytes, against mosquitto.

use std::fs;

use super::support::{Folder, free_port, mosquitto, start};
use super::{client, printed, says};

#[test]
fn who_has_a_certificate_gets_back_what_it_publishes_and_nobody_else() {
    let (folder, other, port) = (Folder::new("mqtt"), Folder::new("mqtt-other"), free_port());
    let Some(server) = mosquitto(&folder, port) else {
        return;
    };
    let _server = start(server, &folder, port);
    for name in ["cert.pem", "key.pem"] {
        let copy = folder.path(&format!("other-{name}"));
        fs::copy(other.path(name), copy).unwrap();
    }
    let port = port.to_string();
    let publish = |message: &str, identity: &str| {
        let files = ["cert.pem", "key.pem"].map(|name| folder.path(&format!("{identity}{name}")));
        let [cert, key] = files.each_ref().map(String::as_str);
        let arguments = ["localhost", &port, "gate/state", message, cert, key];
        client("mqtt-client", &folder, "ca.pem", &[], &arguments)
    };
    for message in ["open".to_owned(), "closed ".repeat(10_000)] {
        let Some(output) = publish(&message, "") else {
            return;
        };
        assert_eq!(printed(&output), message + "\n");
    }
    says(&publish("open", "other-").unwrap(), "alert 48 (unknown_ca)");
}
