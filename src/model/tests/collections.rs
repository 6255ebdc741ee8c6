//! Queues, stacks and priority queues: legal histories pass, each kind of mistake is named and
//! shown by few operations.

use super::cases;
use super::simulate::{Fate, Step, fates, run, steps};
use super::{Action, History, Judgement, Model, Operation, Outcome, dump, violation};
use super::{empty, history, put, ranked, take, unknown_take};
use proptest::prelude::*;

fn model() -> impl Strategy<Value = Model> {
    prop::sample::select(vec![Model::Fifo, Model::Lifo, Model::Priority])
}

fn calm() -> impl Strategy<Value = Vec<Step>> {
    steps(Just(Fate::Returns), 4..60)
}

proptest! {
    #![proptest_config(cases(768))]

    #[test]
    fn what_a_correct_object_did_is_legal(model in model(), steps in steps(fates(), 0..120)) {
        let history = run(model, &steps);
        prop_assert_eq!(model.check(&history), Judgement::Legal, "{}", dump(&history));
    }

    #[test]
    fn a_mistake_is_named_and_shown(
        model in model(),
        steps in calm(),
        mistake in prop::sample::select(Mistake::ALL.to_vec()),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut history = run(model, &steps);
        if let Some(code) = mistake.make(model, &mut history, seed) {
            let found = violation(model, &history);
            prop_assert_eq!(found.code, code, "{}: {:?}{}", found.message, mistake, dump(&history));
            smallest(model, &history, &found.excerpt, code)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn long_histories_are_decided(model in model(), steps in steps(fates(), 400)) {
        let history = run(model, &steps);
        prop_assert_eq!(model.check(&history), Judgement::Legal);
    }
}

/// The excerpt is illegal by itself, and legal without any one of its values or answers; of a
/// duplicate, without any one of its takes.
fn smallest(
    model: Model,
    history: &History,
    excerpt: &[usize],
    code: &str,
) -> Result<(), TestCaseError> {
    let part = history.part(excerpt);
    prop_assert_eq!(violation(model, &part).code, code, "{}", dump(&part));
    for (index, operation) in part.operations.iter().enumerate() {
        let mut rest = part.clone();
        if code == "duplicate" && operation.action != Action::Take {
            continue;
        }
        if code == "duplicate" || subject(operation).is_none() {
            rest.operations.remove(index);
        } else {
            rest.operations.retain(|other| subject(other) != subject(operation));
        }
        prop_assert_eq!(model.check(&rest), Judgement::Legal, "{}without {}", dump(&part), index);
    }
    Ok(())
}

/// The value that an operation is about.
fn subject(operation: &Operation) -> Option<&str> {
    match (&operation.action, &operation.outcome) {
        (Action::Put { value, .. }, _) | (_, Outcome::Ok(Some(value))) => Some(value),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Mistake {
    Exchange,
    Repeat,
    Drop,
    Invent,
    Early,
    FailedPut,
    FalseEmpty,
}

impl Mistake {
    const ALL: [Self; 7] = [
        Self::Exchange,
        Self::Repeat,
        Self::Drop,
        Self::Invent,
        Self::Early,
        Self::FailedPut,
        Self::FalseEmpty,
    ];

    /// Makes a legal history provably illegal, if it has a place for this mistake; answers the code
    /// to expect.
    fn make(
        self,
        model: Model,
        history: &mut History,
        seed: prop::sample::Index,
    ) -> Option<&'static str> {
        let values = values(history);
        let pick =
            |from: &[(usize, usize)]| (!from.is_empty()).then(|| from[seed.index(from.len())]);
        let all = &mut history.operations;
        match self {
            Self::Exchange => {
                let pairs = values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b)));
                let wrong: Vec<_> =
                    pairs.filter(|&(a, b)| exchange_is_wrong(model, all, a, b)).collect();
                if wrong.is_empty() {
                    return None;
                }
                let ((_, a), (_, b)) = wrong[seed.index(wrong.len())];
                let outcome = all[a].outcome.clone();
                all[a].outcome = std::mem::replace(&mut all[b].outcome, outcome);
                Some("order")
            }
            Self::Repeat => {
                let mut again = all[pick(&values)?.1].clone();
                again.client = "other".to_owned();
                all.push(again);
                Some("duplicate")
            }
            Self::Drop => {
                all.remove(pick(&values)?.1);
                Some("lost")
            }
            Self::Invent => {
                all[pick(&values)?.1].outcome = Outcome::Ok(Some("phantom".to_owned()));
                Some("invented")
            }
            Self::Early => {
                let (put, take) = pick(&values)?;
                (all[take].start, all[take].end) = (0, Some(all[put].start.checked_sub(1)?));
                Some("invented")
            }
            Self::FailedPut => {
                all[pick(&values)?.0].outcome = Outcome::Failed;
                Some("invented")
            }
            Self::FalseEmpty => {
                let waited = |&(put, take): &(usize, usize)| {
                    all[put].end.is_some_and(|end| end + 1 < all[take].start)
                };
                let (put, take) = pick(&values.into_iter().filter(waited).collect::<Vec<_>>())?;
                let interval = (all[put].end? + 1, all[take].start - 1);
                all.push(empty(interval.0, interval.1));
                Some("empty")
            }
        }
    }
}

/// The put and the take of every value that left.
fn values(history: &History) -> Vec<(usize, usize)> {
    let all = &history.operations;
    let put = |take: &Operation| {
        all.iter().position(|put| {
            matches!(put.action, Action::Put { .. }) && subject(put) == subject(take)
        })
    };
    (0..all.len())
        .filter(|&i| all[i].action == Action::Take && subject(&all[i]).is_some())
        .filter_map(|take| Some((put(&all[take])?, take)))
        .collect()
}

fn before(first: &Operation, second: &Operation) -> bool {
    first.end.is_some_and(|end| end < second.start)
}

/// Whether exchanging the answers of two takes, `a` asked before `b`, is a mistake under every
/// order of effects.
fn exchange_is_wrong(
    model: Model,
    all: &[Operation],
    a: (usize, usize),
    b: (usize, usize),
) -> bool {
    let [put_a, take_a, put_b, take_b] = [a.0, a.1, b.0, b.1].map(|i| &all[i]);
    let rank = |put: &Operation| match put.action {
        Action::Put { priority, .. } => priority,
        _ => None,
    };
    let both_waited = before(put_a, take_a) && before(put_b, take_a) && before(take_a, take_b);
    both_waited
        && match model {
            Model::Fifo => before(put_a, put_b),
            Model::Lifo => before(put_b, put_a),
            _ => rank(put_a) < rank(put_b) || rank(put_a) == rank(put_b) && before(put_a, put_b),
        }
}

fn shows(model: Model, operations: &[Operation], code: &str, message: &str, excerpt: &[usize]) {
    let found = violation(model, &history(operations));
    assert_eq!((found.code, found.message.as_str(), &found.excerpt[..]), (code, message, excerpt));
}

#[test]
fn lifo_for_fifo_is_out_of_order() {
    let operations = [
        put("k1", 0, 5),
        put("k2", 3, 9),
        put("k3", 10, 15),
        take("k3", 20, 25),
        take("k1", 30, 35),
        take("k2", 30, 35),
    ];
    let message = "\"k3\" was put after the put of \"k1\" had returned, \
                   yet \"k3\" was taken before \"k1\" was asked for";
    shows(Model::Fifo, &operations, "order", message, &[0, 2, 3, 4]);
}

#[test]
fn overlapping_puts_may_take_effect_in_either_order() {
    let operations = [put("k1", 0, 10), put("k2", 5, 9), take("k2", 20, 25), take("k1", 30, 35)];
    for model in [Model::Fifo, Model::Lifo, Model::Priority] {
        assert_eq!(model.check(&history(&operations)), Judgement::Legal);
    }
}

#[test]
fn fifo_for_lifo_is_out_of_order() {
    let operations = [put("k1", 0, 5), put("k2", 10, 15), take("k1", 20, 25), take("k2", 30, 35)];
    let message = "\"k2\" was put on top of \"k1\", whose put had returned, \
                   yet \"k1\" was taken before \"k2\" was asked for";
    shows(Model::Lifo, &operations, "order", message, &[0, 1, 2, 3]);
}

#[test]
fn a_lesser_value_taken_first_is_out_of_order() {
    let operations = [
        ranked("low", 9, 0, 5),
        ranked("high", 1, 10, 15),
        take("low", 20, 25),
        take("high", 30, 35),
    ];
    let message = r#""low" (priority 9) was taken while "high" (priority 1) was waiting"#;
    shows(Model::Priority, &operations, "order", message, &[0, 1, 2, 3]);
}

#[test]
fn an_unknown_take_excuses_one_missing_value() {
    let mut operations = vec![put("k1", 0, 5), put("k2", 10, 15), unknown_take(20), empty(30, 35)];
    let message = "the puts of \"k1\" and \"k2\" had returned, \
                   yet they were never taken before a take answered \
                   \"empty\"; the one interrupted take can have removed only one of them";
    for model in [Model::Fifo, Model::Lifo, Model::Priority] {
        shows(model, &operations, "lost", message, &[0, 1, 2, 3]);
    }
    operations.push(take("k2", 22, 28));
    for model in [Model::Fifo, Model::Lifo, Model::Priority] {
        assert_eq!(model.check(&history(&operations)), Judgement::Legal);
    }
}

#[test]
fn the_most_telling_code_is_reported() {
    let lost = [put("k1", 0, 5), empty(50, 55)];
    let disorder = [
        put("k2", 10, 15),
        put("k3", 20, 25),
        take("k3", 30, 35),
        take("k2", 40, 45),
        empty(26, 29),
    ];
    let twice = [put("k4", 0, 5), take("k4", 6, 9), take("k4", 6, 9)];
    let invented = [take("k5", 0, 5)];
    let mut operations = Vec::new();
    let mut codes = Vec::new();
    for more in [&disorder[4..], &disorder[..4], &lost, &twice, &invented] {
        operations.extend_from_slice(more);
        codes.push(match Model::Fifo.check(&history(&operations)) {
            Judgement::Illegal(violation) => violation.code,
            _ => "legal",
        });
    }
    assert_eq!(codes, ["legal", "order", "lost", "duplicate", "invented"]);
}
