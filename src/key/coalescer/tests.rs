//! A model check: clients, changes and lookups in any order, against what a register that is read at one moment may say.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use tokio::task::yield_now;

use super::*;

const KEYS: u8 = 4;

/// How one question to the fake store goes.
#[derive(Debug, Clone)]
struct Plan {
    /// How often others get their turn before the store looks, and before it answers.
    before: u8,
    after: u8,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Answer,
    Fail,
    /// It fails, and so would all others.
    Outage,
    Panic,
}

#[derive(Debug, Clone)]
enum Step {
    /// Asks, and goes away after so many turns where there is a number.
    Get {
        key: u8,
        patience: Option<u8>,
    },
    /// Makes or deletes a key.
    Set {
        key: u8,
        is_there: bool,
    },
    Wait(u8),
}

/// The fake store, and what happened in it.
#[derive(Default)]
struct World {
    /// Counts events; each has a moment of its own.
    now: u64,
    /// When each key came and went.
    changes: BTreeMap<u8, Vec<(u64, bool)>>,
    plans: VecDeque<Plan>,
    in_flight: usize,
    most_in_flight: usize,
    questions: usize,
    bad_fates: usize,
}

impl World {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn is_there(&self, key: u8, at: u64) -> bool {
        let changes = self.changes.get(&key).into_iter().flatten();
        changes
            .take_while(|(when, _)| *when <= at)
            .last()
            .is_some_and(|(_, is_there)| *is_there)
    }

    /// Whether a key was there, or was not, at any moment from `start` to `end`.
    fn could_say(&self, key: u8, said: bool, start: u64, end: u64) -> bool {
        (start..=end).any(|at| self.is_there(key, at) == said)
    }
}

struct Fake(Arc<Mutex<World>>);

impl Fake {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct InFlight<'a>(&'a Fake);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.world().in_flight -= 1;
    }
}

impl Lookup for Fake {
    type Key = u8;
    type Value = ();
    type Error = &'static str;

    async fn look_up(&self, keys: Vec<u8>) -> Result<Vec<(u8, ())>, &'static str> {
        let plan = {
            let mut world = self.world();
            world.in_flight += 1;
            world.questions += 1;
            world.most_in_flight = world.most_in_flight.max(world.in_flight);
            let plan = world.plans.pop_front();
            let is_bad = plan.as_ref().is_some_and(|plan| plan.fate != Fate::Answer);
            world.bad_fates += usize::from(is_bad);
            plan.unwrap_or(Plan {
                before: 0,
                after: 0,
                fate: Fate::Answer,
            })
        };
        let _in_flight = InFlight(self);
        assert!(!keys.is_empty() && keys.len() <= BATCH);
        assert!(keys.is_sorted_by(|a, b| a < b), "each key once");
        turns(plan.before).await;
        let found = {
            let mut world = self.world();
            let now = world.tick();
            let is_there = keys.iter().filter(|key| world.is_there(**key, now));
            is_there.map(|key| (*key, ())).collect()
        };
        turns(plan.after).await;
        match plan.fate {
            Fate::Answer => Ok(found),
            Fate::Fail => Err("no"),
            Fate::Outage => Err(OUTAGE),
            Fate::Panic => panic!("the store fails badly"),
        }
    }

    fn is_outage(error: &&'static str) -> bool {
        *error == OUTAGE
    }
}

const OUTAGE: &str = "nobody can be answered";

async fn turns(count: u8) {
    for _ in 0..count {
        yield_now().await;
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    let fate = prop_oneof![8 => Just(Fate::Answer), 1 => Just(Fate::Fail), 1 => Just(Fate::Outage), 1 => Just(Fate::Panic)];
    (0..12_u8, 0..12_u8, fate).prop_map(|(before, after, fate)| Plan {
        before,
        after,
        fate,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..KEYS, prop::option::weighted(0.2, 0..6_u8)).prop_map(|(key, patience)| Step::Get { key, patience }),
        2 => (0..KEYS, any::<bool>()).prop_map(|(key, is_there)| Step::Set { key, is_there }),
        1 => (0..8_u8).prop_map(Step::Wait),
    ]
}

/// Does what a client does, and checks each answer. Gives how many questions got none, each for a lookup that went badly.
async fn client(
    coalescer: Arc<Coalescer<Fake>>,
    world: Arc<Mutex<World>>,
    steps: Vec<Step>,
) -> usize {
    let fake = Fake(world);
    let mut unanswered = 0;
    for step in steps {
        match step {
            Step::Wait(count) => turns(count).await,
            Step::Set { key, is_there } => {
                let mut world = fake.world();
                let now = world.tick();
                world.changes.entry(key).or_default().push((now, is_there));
            }
            Step::Get { key, patience } => {
                let start = fake.world().tick();
                let answer = match patience {
                    None => coalescer.get(key).await,
                    Some(count) => tokio::select! {
                        biased;
                        answer = coalescer.get(key) => answer,
                        () = turns(count) => continue,
                    },
                };
                let mut world = fake.world();
                let end = world.tick();
                match answer {
                    Ok(found) => assert!(
                        world.could_say(key, found.is_some(), start, end),
                        "{key} was said to be {found:?} from {start} to {end}: {:?}",
                        world.changes.get(&key),
                    ),
                    Err(Failed::Lookup(_) | Failed::Lost) => unanswered += 1,
                    Err(Failed::Full) => panic!("so few are never too many"),
                }
            }
        }
    }
    unanswered
}

/// Runs all of it on one thread, in an order that the input alone decides.
fn run(plans: Vec<Plan>, clients: Vec<Vec<Step>>) -> (World, usize) {
    let world = Arc::new(Mutex::new(World {
        plans: plans.into(),
        ..World::default()
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let unanswered = runtime.block_on(async {
        let coalescer = Arc::new(Coalescer::new(Fake(world.clone())));
        let mut work = tokio::task::JoinSet::new();
        for steps in clients {
            work.spawn(client(coalescer.clone(), world.clone(), steps));
        }
        let all = tokio::time::timeout(Duration::from_secs(30), work.join_all());
        let unanswered = all.await.expect("nobody is left waiting").into_iter().sum();
        while world.lock().unwrap().in_flight > 0 {
            yield_now().await;
        }
        turns(3).await;
        assert_eq!(
            coalescer.0.state().in_flight,
            0,
            "nothing runs when nobody asks"
        );
        unanswered
    });
    drop(runtime);
    let world = std::mem::take(&mut *world.lock().unwrap());
    (world, unanswered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_answer_was_true_at_some_moment_after_the_question(
        plans in prop::collection::vec(plan(), 0..40),
        clients in prop::collection::vec(prop::collection::vec(step(), 1..12), 1..12),
    ) {
        let (world, unanswered) = run(plans, clients);
        prop_assert!(world.most_in_flight <= IN_FLIGHT);
        prop_assert!(unanswered == 0 || world.bad_fates > 0, "a lookup that went well answers all");
    }
}

#[test]
fn those_who_come_while_others_are_answered_go_together() {
    let ask = |key| {
        vec![Step::Get {
            key,
            patience: None,
        }]
    };
    let slow = Plan {
        before: 20,
        after: 0,
        fate: Fate::Answer,
    };
    let clients: Vec<_> = (0..100).map(|i| ask(i % KEYS)).collect();
    let halves = clients.len().ilog2() as usize;
    let (world, unanswered) = run(vec![slow; IN_FLIGHT], clients);
    assert_eq!(unanswered, 0);
    // Each takes half of those who wait.
    assert!(
        world.questions <= halves + IN_FLIGHT,
        "{} questions",
        world.questions
    );
}

#[test]
fn a_lookup_that_fails_harms_those_alone_who_wait_for_it() {
    for fate in [Fate::Fail, Fate::Panic] {
        let bad = Plan {
            before: 0,
            after: 0,
            fate,
        };
        let one_after_the_other = (0..10).map(|_| Step::Get {
            key: 0,
            patience: None,
        });
        let (world, unanswered) = run(vec![bad], vec![one_after_the_other.collect()]);
        assert_eq!((unanswered, world.questions), (1, 10), "{fate:?}");
    }
}

#[test]
fn an_outage_is_told_to_all_who_wait() {
    let ask = |key| {
        vec![Step::Get {
            key,
            patience: None,
        }]
    };
    let outage = Plan {
        before: 20,
        after: 0,
        fate: Fate::Outage,
    };
    let clients: Vec<_> = (0..100).map(|i| ask(i % KEYS)).collect();
    let (world, unanswered) = run(vec![outage; 100], clients);
    assert_eq!(unanswered, 100);
    assert!(
        world.questions <= IN_FLIGHT,
        "{} questions, where one outage is enough",
        world.questions
    );
}

#[test]
fn no_more_wait_than_may() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let slow = Plan {
            before: 200,
            after: 0,
            fate: Fate::Answer,
        };
        let world = World {
            plans: vec![slow; IN_FLIGHT].into(),
            ..World::default()
        };
        let coalescer = Arc::new(Coalescer::new(Fake(Arc::new(Mutex::new(world)))));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..bounds::CHECKS + 10 {
            let coalescer = coalescer.clone();
            all.spawn(async move { coalescer.get(0).await });
        }
        let answers = all.join_all().await;
        let refused = answers
            .iter()
            .filter(|answer| matches!(answer, Err(Failed::Full)));
        assert_eq!(refused.count(), 10);
        assert!(coalescer.get(0).await.is_ok(), "there is room again");
    });
}
