//! The definition itself: every order of effects on a channel with a queue for each subscriber.

use super::*;

#[derive(Clone, Default)]
struct Channel {
    subscribed: BTreeSet<String>,
    left: BTreeSet<String>,
    waiting: BTreeMap<String, VecDeque<String>>,
}

pub fn legal(history: &History) -> bool {
    let mut operations = history.operations.clone();
    operations.retain(|operation| operation.effect() != Effect::None);
    let left: Vec<&Operation> = operations.iter().collect();
    search(&left, &Channel::default())
}

fn search(left: &[&Operation], channel: &Channel) -> bool {
    let over = left.iter().all(|operation| operation.effect() == Effect::Possible);
    if over && channel.waiting.values().all(VecDeque::is_empty) {
        return true;
    }
    let first_end = left.iter().map(|operation| operation.deadline()).min().unwrap_or(0);
    (0..left.len()).filter(|&i| left[i].start <= first_end).any(|i| {
        let mut rest = left.to_vec();
        let next = rest.remove(i);
        after(next, channel).is_some_and(|channel| search(&rest, &channel))
    })
}

fn after(operation: &Operation, channel: &Channel) -> Option<Channel> {
    let mut channel = channel.clone();
    let client = &operation.client;
    match &operation.action {
        Action::Subscribe if channel.left.contains(client) => return None,
        Action::Subscribe => {
            channel.subscribed.insert(client.clone());
        }
        Action::Unsubscribe => {
            channel.left.insert(client.clone());
            channel.subscribed.remove(client);
        }
        Action::Publish { value } => {
            for client in &channel.subscribed {
                channel.waiting.entry(client.clone()).or_default().push_back(value.clone());
            }
        }
        Action::Receive { value } => {
            let first = channel.waiting.get_mut(client)?.pop_front()?;
            return (first == *value).then_some(channel);
        }
        _ => return None,
    }
    Some(channel)
}
