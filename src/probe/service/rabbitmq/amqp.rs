//! RabbitMQ over AMQP: one connection for each thing that is done, closed in good order, so that it is done for sure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind};

use super::ACCOUNT;

const TIMEOUT: Duration = Duration::from_secs(15);
/// What dead-letters or returns a message does so a moment later.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);
/// Kept on disk in a durable queue.
const PERSISTENT: u8 = 2;
const DONE: u16 = 200;

/// Why something was not done.
#[derive(Debug)]
pub enum Trouble {
    /// The server said so.
    Refused(String),
    /// It went away, or does not answer.
    Gone(String),
}

type Result<T> = std::result::Result<T, Trouble>;

impl From<lapin::Error> for Trouble {
    fn from(error: lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(said) => Self::Refused(said.to_string()),
            _ => Self::Gone(error.to_string()),
        }
    }
}

/// Does something over a connection of its own.
async fn connected<T>(
    address: SocketAddr,
    work: impl AsyncFnOnce(&Channel) -> Result<T>,
) -> Result<T> {
    let url = format!("amqp://{ACCOUNT}:{ACCOUNT}@{address}/%2f");
    let all = async {
        let properties = ConnectionProperties::default().with_connection_name("labs check".into());
        let connection = Connection::connect(&url, properties).await?;
        let channel = connection.create_channel().await?;
        let done = work(&channel).await;
        // With the answer to this the server has done all that was sent before. A refusal has closed the channel.
        let closed = connection.close(DONE, "done".into()).await;
        let done = done?;
        closed?;
        Ok(done)
    };
    let late = || Trouble::Gone(format!("no answer within {} s", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, all).await.unwrap_or_else(|_| Err(late()))
}

/// How many messages of a queue nobody has taken. Nothing is taken for it, and nothing declared.
pub async fn depth(address: SocketAddr, queue: &str) -> Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    connected(address, async |channel| {
        let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
        Ok(found.message_count())
    })
    .await
}

/// Publishes a persistent message; refused unless it is confirmed and some queue has got it.
pub async fn publish(address: SocketAddr, exchange: &str, key: &str, text: &str) -> Result<()> {
    connected(address, async |channel| {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let sent = channel
            .basic_publish(exchange.into(), key.into(), options, text.as_bytes(), properties)
            .await?;
        match sent.await? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Trouble::Refused("no queue gets it".to_owned())),
            _ => Err(Trouble::Refused("the message was not confirmed".to_owned())),
        }
    })
    .await
}

/// Takes messages until at least so many have come and no more are there.
pub async fn drain(address: SocketAddr, queue: &str, least: usize) -> Result<Vec<String>> {
    connected(address, async |channel| {
        let mut texts = Vec::new();
        loop {
            let message = if texts.len() < least {
                arrived(channel, queue).await?
            } else {
                get(channel, queue).await?
            };
            let Some(message) = message else { return Ok(texts) };
            channel.basic_ack(message.delivery_tag, BasicAckOptions::default()).await?;
            texts.push(text(&message));
        }
    })
    .await
}

/// Takes a message and gives it back as failed, so many times; answers what was taken.
pub async fn fail(address: SocketAddr, queue: &str, times: usize) -> Result<Vec<String>> {
    connected(address, async |channel| {
        let mut texts = Vec::new();
        while texts.len() < times
            && let Some(message) = arrived(channel, queue).await?
        {
            let options = BasicNackOptions { requeue: true, multiple: false };
            channel.basic_nack(message.delivery_tag, options).await?;
            texts.push(text(&message));
        }
        Ok(texts)
    })
    .await
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>> {
    Ok(channel.basic_get(queue.into(), BasicGetOptions::default()).await?)
}

/// The next message, if one comes.
async fn arrived(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>> {
    let deadline = Instant::now() + ARRIVES_WITHIN;
    loop {
        let message = get(channel, queue).await?;
        if message.is_some() || Instant::now() > deadline {
            return Ok(message);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn text(message: &BasicGetMessage) -> String {
    String::from_utf8_lossy(&message.data).into_owned()
}
