//! How the writer of the journal sleeps, and who wakes it. To wake a thread costs more than to write an entry, so what nothing waits
//! for wakes it only where it would sleep on: between statements it dozes, and looks by itself.

use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

const AWAKE: u8 = 0;
const DOZING: u8 = 1;
const ASLEEP: u8 = 2;

/// Rung by whoever has put something into the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: AtomicU8,
    /// Who is woken: the first that ever slept.
    sleeper: OnceLock<Thread>,
}

/// How to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Until somebody waits for what is in the queue, or the time is over.
    Doze,
    /// Until there is anything in the queue, or the time is over.
    Deep,
}

impl Bell {
    /// After something was put into the queue. `urgent`: somebody waits for it.
    pub(crate) fn ring(&self, urgent: bool) {
        // Either the sleeper sees what was queued before it sleeps, or its state is seen here.
        fence(Ordering::SeqCst);
        let state = self.0.state.load(Ordering::SeqCst);
        let wakes = state == ASLEEP || (state == DOZING && urgent);
        if wakes
            && self.0.state.swap(AWAKE, Ordering::SeqCst) != AWAKE
            && let Some(sleeper) = self.0.sleeper.get()
        {
            sleeper.unpark();
        }
    }

    /// Sleeps, unless the queue has something, which it gives. `Ok(None)`: woken, or the time is over.
    pub(crate) fn sleep<T>(
        &self,
        queue: &Receiver<T>,
        how: Sleep,
        patience: Duration,
    ) -> Result<Option<T>, TryRecvError> {
        self.0.sleeper.get_or_init(std::thread::current);
        let state = match how {
            Sleep::Doze => DOZING,
            Sleep::Deep => ASLEEP,
        };
        self.0.state.store(state, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let taken = match queue.try_recv() {
            Err(TryRecvError::Empty) => {
                std::thread::park_timeout(patience);
                Ok(None)
            }
            other => other.map(Some),
        };
        self.0.state.store(AWAKE, Ordering::SeqCst);
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    /// How long a sleeper sleeps, if after a while something comes that is urgent or not.
    fn slept(how: Sleep, patience: Duration, urgent: bool) -> Duration {
        let bell = Bell::default();
        let (sender, queue) = mpsc::channel();
        let (asleep, began) = mpsc::channel();
        let sleeper = std::thread::spawn({
            let bell = bell.clone();
            move || {
                let since = Instant::now();
                asleep.send(()).unwrap();
                assert_eq!(bell.sleep(&queue, how, patience), Ok(None));
                (since.elapsed(), queue.try_recv())
            }
        });
        began.recv().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        sender.send(7).unwrap();
        bell.ring(urgent);
        let (slept, found) = sleeper.join().unwrap();
        assert_eq!(found, Ok(7), "what was queued is there");
        slept
    }

    #[test]
    fn whoever_sleeps_is_woken_by_anything() {
        assert!(slept(Sleep::Deep, LONG, false) < LONG / 2);
        assert!(slept(Sleep::Deep, LONG, true) < LONG / 2);
    }

    #[test]
    fn whoever_dozes_is_woken_by_what_is_waited_for_only() {
        assert!(slept(Sleep::Doze, LONG, true) < LONG / 2);
        assert!(slept(Sleep::Doze, SHORT, false) >= SHORT);
    }

    #[test]
    fn nobody_sleeps_on_what_is_queued_already() {
        let bell = Bell::default();
        let (sender, queue) = mpsc::channel();
        sender.send(7).unwrap();
        assert_eq!(bell.sleep(&queue, Sleep::Deep, LONG), Ok(Some(7)));
        drop(sender);
        assert_eq!(
            bell.sleep(&queue, Sleep::Deep, LONG),
            Err(TryRecvError::Disconnected)
        );
    }

    /// Rung while it falls asleep, again and again: never lost.
    #[test]
    fn no_ring_is_lost() {
        let bell = Bell::default();
        let (sender, queue) = mpsc::channel();
        let ringer = std::thread::spawn({
            let bell = bell.clone();
            move || {
                for number in 0..20_000 {
                    sender.send(number).unwrap();
                    bell.ring(number % 2 == 0);
                    if number % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
            }
        });
        let (mut next, began) = (0, Instant::now());
        while next < 20_000 {
            let how = if next % 3 == 0 { Sleep::Doze } else { Sleep::Deep };
            let patience = if how == Sleep::Doze {
                Duration::from_micros(50)
            } else {
                LONG
            };
            let mut taken = bell.sleep(&queue, how, patience).unwrap();
            while let Some(number) = taken.or_else(|| queue.try_recv().ok()) {
                assert_eq!(number, next);
                next += 1;
                taken = None;
            }
        }
        assert!(began.elapsed() < LONG, "somebody slept through a ring");
        ringer.join().unwrap();
    }
}
