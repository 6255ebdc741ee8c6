//! RabbitMQ. It is observed through its management and metrics and by passive declarations, which take no message; AMQP
//! in earnest is spoken with twins.

mod amqp;
mod http;
mod words;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bounded::TOO_LONG;
use super::{Addresses, Answer, Service, down, gone};
use crate::digest;
use crate::error::{Error, Result};
use crate::probe::fresh;
use crate::term::shell_line;
use amqp::Trouble;
use http::{Http, Said, encoded, metric};
use words::Words;

/// The checker's own account and its password, which the image makes: the learner's may change.
const ACCOUNT: &str = "labs";
/// The accounts that the image has.
const ACCOUNTS: [&str; 2] = ["guest", ACCOUNT];
/// The one setting that a twin can be given.
const DEFINITIONS: &str = "definitions";
/// The virtual host that labs are about, in a path.
const HOST: &str = "%2F";
/// A server that was just started may answer AMQP before all else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Within that a queue says its figures anew when something happened to it.
const FIGURES_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// How many definitions of its own the checker makes so that those before are on disk.
const SETTLED_BY: usize = 3;
const NOT_FOUND: u16 = 404;
/// How many bytes of salt a hash of a password begins with.
const SALT: usize = 4;
/// What definitions consist of, apart from what no two servers have alike and what comes with a virtual host.
const DEFINED: [&str; 9] = [
    "users",
    "permissions",
    "topic_permissions",
    "parameters",
    "global_parameters",
    "policies",
    "queues",
    "exchanges",
    "bindings",
];

/// The addresses; each question opens a connection, since what a server forgets with a restart cannot be kept.
pub struct Rabbitmq {
    name: String,
    amqp: SocketAddr,
    http: Http,
}

impl Rabbitmq {
    /// # Errors
    /// Its management does not answer within five seconds, or the checker's account is gone.
    pub async fn connect(name: &str, addresses: &Addresses) -> Result<Self> {
        let port = |what: &str| {
            addresses.others.get(what).copied().ok_or_else(|| {
                down(name, addresses.main, format!("its port for {what} is not published"))
            })
        };
        let http = Http::new(port("management")?, port("metrics")?);
        let session = Self { name: name.to_owned(), amqp: addresses.main, http };
        session.answers().await?;
        Ok(session)
    }

    /// Waits until the management answers.
    async fn answers(&self) -> Result<()> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        loop {
            match self.http.manage(Method::GET, "/whoami", None).await {
                Ok(said) if said.is_success() => return Ok(()),
                met if Instant::now() > deadline => {
                    let why = met.map_or_else(|why| why, |said| said.reason());
                    return Err(down(&self.name, self.amqp, why));
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn manage(&self, method: Method, path: &str, body: Option<String>) -> Result<Said> {
        self.http.manage(method, path, body).await.map_err(|why| gone(&self.name, why))
    }

    /// What the management says to a question that it must answer.
    async fn demand(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let line = format!("{method} /api{path}");
        let said = self.manage(method, path, body.map(|body| body.to_string())).await?;
        if said.is_success() {
            return Ok(said.json());
        }
        Err(Error::infrastructure(format!("{} refused {line}", self.name)).because(said.reason()))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.demand(Method::GET, path, None).await
    }

    /// What a queue is, with how many messages nobody has taken (`ready`), are taken and not acknowledged (`unacked`, of a
    /// classic queue), and how many of all of them are kept on disk (`persistent`). Null where there is no such queue.
    async fn queue(&self, name: &str) -> Result<Answer> {
        let path = format!("/queues/{HOST}/{}", encoded(name));
        let said = self.manage(Method::GET, &path, None).await?;
        if said.status == NOT_FOUND {
            return Ok(Answer::Value(Value::Null));
        }
        if !said.is_success() {
            return Ok(Answer::Refused(said.reason()));
        }
        let found = said.json();
        let before = self.metrics().await?;
        // To be asked is something that happens to it: the figures it says next are not from before.
        let ready = match amqp::depth(self.amqp, name).await {
            Ok(depth) => u64::from(depth),
            Err(trouble) => return self.trouble(trouble),
        };
        let (unacked, persistent) = if found["type"] == "classic" {
            let said = metric(&before, "process_reductions_total", name);
            let text = self.said_after(name, said).await?;
            let figure = |what| metric(&text, what, name);
            (figure("messages_unacked"), figure("messages_persistent"))
        } else {
            // These keep every message on disk, and say their figures too seldom to be asked for them.
            (None, Some(ready))
        };
        let of = |key: &str| found[key].clone();
        Ok(Answer::Value(json!({
            "name": name,
            "type": of("type"),
            "durable": of("durable"),
            "auto_delete": of("auto_delete"),
            "arguments": of("arguments"),
            "ready": ready,
            "unacked": unacked,
            "persistent": persistent,
        })))
    }

    /// Definitions are logged, and the log is flushed with a later one: those of the checker push all others to disk.
    async fn settle(&self) -> Result<Answer> {
        let path = "/global-parameters/settled";
        for n in 0..SETTLED_BY {
            let body = json!({ "value": n });
            self.demand(Method::PUT, path, Some(body)).await?;
        }
        self.demand(Method::DELETE, path, None).await?;
        Ok(Answer::Value(Value::Bool(true)))
    }

    async fn metrics(&self) -> Result<String> {
        self.http.metrics().await.map_err(|why| gone(&self.name, why))
    }

    /// The metrics, once a queue has said its own anew.
    async fn said_after(&self, queue: &str, before: Option<u64>) -> Result<String> {
        let deadline = Instant::now() + FIGURES_WITHIN;
        loop {
            let text = self.metrics().await?;
            let now = metric(&text, "process_reductions_total", queue);
            if now.is_some() && now != before {
                return Ok(text);
            }
            if Instant::now() > deadline {
                return Err(gone(
                    &self.name,
                    format!("the queue {queue} does not say its figures"),
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn trouble(&self, trouble: Trouble) -> Result<Answer> {
        match trouble {
            Trouble::Refused(why) => Ok(Answer::Refused(why)),
            Trouble::Gone(why) => Err(gone(&self.name, why)),
        }
    }

    async fn do_words(&self, words: Words<'_>) -> Result<Answer> {
        let done = match words {
            Words::Queue(name) => return self.queue(name).await,
            Words::Manage(method, path, body) => {
                let said = self.manage(method, path, body.map(str::to_owned)).await?;
                return Ok(match said.status {
                    NOT_FOUND => Answer::Value(Value::Null),
                    _ if said.is_success() => Answer::Value(said.json()),
                    _ => Answer::Refused(said.reason()),
                });
            }
            Words::Publish(exchange, key, text) => {
                amqp::publish(self.amqp, exchange, key, text).await.map(|()| Value::Bool(true))
            }
            Words::Drain(queue, least) => {
                amqp::drain(self.amqp, queue, least).await.map(Value::from)
            }
            Words::Settle => return self.settle().await,
            Words::Fail(queue, times) => amqp::fail(self.amqp, queue, times).await.map(Value::from),
        };
        done.map_or_else(|trouble| self.trouble(trouble), |value| Ok(Answer::Value(value)))
    }

    /// The names in a list that the management gives.
    async fn names(&self, path: &str) -> Result<Vec<String>> {
        let list = self.get(path).await?;
        let names = list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }
}

#[async_trait]
impl Service for Rabbitmq {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, words: &[&str]) -> Result<Answer> {
        match Words::read(words) {
            Ok(words) => self.do_words(words).await.or_else(|error| match error.why.as_deref() {
                Some(TOO_LONG) => Ok(Answer::Refused(TOO_LONG.to_owned())),
                _ => Err(error),
            }),
            Err(what) => Err(Error::usage(what)),
        }
    }

    /// Each question opens its own connection.
    async fn is_open(&self) -> bool {
        true
    }

    async fn renew(&self) -> Result<()> {
        self.answers().await
    }

    fn reproduce(&self, words: &[String]) -> String {
        let name = &self.name;
        match words {
            [get, path] if get == "GET" => {
                let url = format!("http://{name}:15672/api{path}");
                format!("curl -s -u guest:guest {}", shell_line(&[url]))
            }
            _ => format!(
                "rabbitmqadmin -H {name} list queues name type durable arguments messages_ready \
                 messages_unacknowledged messages_persistent"
            ),
        }
    }

    /// Its management computes a salted hash, and its other port answers in AMQP about a queue of a name that nobody knows.
    async fn is_genuine(&self) -> Result<bool> {
        let nonce = fresh::random("nonce");
        let said = self.manage(Method::GET, &format!("/auth/hash_password/{nonce}"), None).await?;
        let hash = BASE64.decode(said.json()["ok"].as_str().unwrap_or_default());
        let computed = hash.is_ok_and(|hash| {
            hash.split_at_checked(SALT).is_some_and(|(salt, hash)| {
                Sha256::new().chain_update(salt).chain_update(&nonce).finalize().as_slice() == hash
            })
        });
        Ok(computed
            && match amqp::depth(self.amqp, &nonce).await {
                Ok(_) => false,
                Err(Trouble::Refused(why)) => why.contains(&nonce) || !why.contains("no queue"),
                Err(Trouble::Gone(why)) => return Err(gone(&self.name, why)),
            })
    }

    /// Definitions, and how many messages of which kind are in each queue.
    async fn digest(&self) -> Result<String> {
        let mut parts = vec![self.fingerprint().await?];
        let mut names = self.names(&format!("/queues/{HOST}")).await?;
        names.sort();
        let counts = names.iter().map(|name| self.queue(name));
        for counted in futures_util::future::try_join_all(counts).await? {
            parts.push(match counted {
                Answer::Value(queue) => queue.to_string(),
                Answer::Refused(why) => why,
            });
        }
        Ok(digest::sha256(parts.join("\n")))
    }

    /// It keeps none that a probe asks for.
    async fn forget_books(&self) -> Result<()> {
        Ok(())
    }

    /// With a virtual host go its queues, exchanges, policies and connections.
    async fn wipe(&self) -> Result<()> {
        for host in self.names("/vhosts").await? {
            self.demand(Method::DELETE, &format!("/vhosts/{}", encoded(&host)), None).await?;
        }
        self.demand(Method::PUT, &format!("/vhosts/{HOST}"), None).await?;
        for account in ACCOUNTS {
            let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
            let path = format!("/permissions/{HOST}/{account}");
            self.demand(Method::PUT, &path, Some(all)).await?;
        }
        for user in self.names("/users").await? {
            if !ACCOUNTS.contains(&user.as_str()) {
                self.demand(Method::DELETE, &format!("/users/{}", encoded(&user)), None).await?;
            }
        }
        Ok(())
    }

    /// All definitions.
    async fn fingerprint(&self) -> Result<String> {
        let mut parts = self.names("/vhosts").await?;
        let definitions = self.get("/definitions").await?;
        for kind in DEFINED {
            let items = definitions[kind].as_array().map(Vec::as_slice).unwrap_or_default();
            parts.extend(items.iter().map(|item| format!("{kind} {item}")));
        }
        // Their order says nothing.
        parts.sort();
        Ok(parts.join("\n"))
    }

    /// Not counted: nothing in RabbitMQ is only read.
    async fn writes(&self) -> Result<i64> {
        Ok(0)
    }

    /// `definitions`: queues, exchanges, bindings and policies, without messages.
    async fn setting(&self, name: &str) -> Result<Option<String>> {
        if name != DEFINITIONS {
            return Ok(None);
        }
        Ok(Some(self.get(&format!("/definitions/{HOST}")).await?.to_string()))
    }

    /// Adds definitions to those it has.
    async fn configure(&self, name: &str, value: &str) -> Result<()> {
        let definitions = serde_json::from_str(value).ok().filter(|_| name == DEFINITIONS);
        let Some(definitions) = definitions else {
            return Err(Error::usage(format!("RabbitMQ has no setting {name:?}")).help(
                "definitions gives a twin the learner's queues, exchanges, bindings and policies",
            ));
        };
        self.demand(Method::POST, &format!("/definitions/{HOST}"), Some(definitions))
            .await
            .map(drop)
    }

    /// As a setting of the twin.
    async fn copy(&self, what: &str, to: &dyn Service) -> Result<()> {
        let value = self.setting(what).await?.unwrap_or_default();
        to.configure(what, &value).await
    }
}
