//! The client.

use std::env;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use bytes::BytesMut;
use mqttbytes::v4::{
    Connect, ConnectReturnCode, Disconnect, Packet, PubAck, Publish, Subscribe, read,
};
use mqttbytes::{Error as Malformed, QoS};
use portcullis_client::context::{Context, Source};
use portcullis_client::{TlsStream, client_context};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A longer message is refused.
const LONGEST: usize = 1024 * 1024;

/// A connection to a broker, and what was read and not taken.
struct Broker {
    stream: TlsStream,
    buffer: BytesMut,
}

impl Broker {
    fn connect(context: &Context, host: &str, port: u16) -> Result<Self> {
        let broker = Self {
            stream: TlsStream::connect_with(context, host, port)?,
            buffer: BytesMut::new(),
        };
        Ok(broker)
    }

    fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::result::Result<usize, Malformed>,
    ) -> Result<()> {
        let mut packet = BytesMut::new();
        write(&mut packet).map_err(|error| error.to_string())?;
        Ok(self.stream.write_all(&packet)?)
    }

    fn receive(&mut self) -> Result<Packet> {
        loop {
            match read(&mut self.buffer, LONGEST) {
                Err(Malformed::InsufficientBytes(_)) => {}
                packet => return packet.map_err(|error| error.to_string().into()),
            }
            let mut part = [0; 4096];
            match self.stream.read(&mut part)? {
                0 => return Err("the broker has ended the connection".into()),
                length => self.buffer.extend(part.iter().take(length)),
            }
        }
    }
}

/// Subscribe to the topic, publish to it, and wait for what was published.
fn publish(broker: &mut Broker, topic: &str, message: &str) -> Result<Vec<u8>> {
    broker.send(|packet| Connect::new("gate").write(packet))?;
    match broker.receive()? {
        Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => {}
        answer => return Err(format!("the broker does not let us in: {answer:?}").into()),
    }
    let mut subscription = Subscribe::new(topic, QoS::AtLeastOnce);
    subscription.pkid = 1;
    broker.send(|packet| subscription.write(packet))?;
    let mut publication = Publish::new(topic, QoS::AtLeastOnce, message);
    publication.pkid = 2;
    broker.send(|packet| publication.write(packet))?;
    let (mut is_taken, mut came_back) = (false, None);
    loop {
        match broker.receive()? {
            Packet::PubAck(_) => is_taken = true,
            Packet::Publish(publication) => {
                broker.send(|packet| PubAck::new(publication.pkid).write(packet))?;
                came_back = Some(publication.payload.to_vec());
            }
            _ => {}
        }
        if is_taken && let Some(message) = came_back.take() {
            broker.send(|packet| Disconnect.write(packet))?;
            return Ok(message);
        }
    }
}

fn run(arguments: &[String]) -> Result<Vec<u8>> {
    let [host, port, topic, message, cert, key] = arguments else {
        return Err("usage: mqtt-client HOST PORT TOPIC MESSAGE CERT KEY".into());
    };
    let context = client_context()?;
    let path = |name: &String| Source::Path(name.clone());
    context.load_identity(&path(cert), &path(key), None)?;
    let mut broker = Broker::connect(&context, host, port.parse()?)?;
    let message = publish(&mut broker, topic, message)?;
    broker.stream.close()?;
    Ok(message)
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(message) => {
            println!("{}", String::from_utf8_lossy(&message));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("mqtts: {failure}");
            ExitCode::FAILURE
        }
    }
}
