//! What of a round's time is waiting that its subject demands: for servers that a check has stopped, until they answer
//! again, and for spans that the lab gives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Cheap to clone; all clones keep one book.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    /// Checks that go on, and those of them that wait.
    going_on: usize,
    waiting: usize,
    /// Since when all that go on wait.
    since: Option<Instant>,
    total: Duration,
}

/// Counted until it is dropped.
struct Counted<'a> {
    waits: &'a Waits,
    count: fn(&mut Book) -> &mut usize,
}

impl Waits {
    /// A check goes on.
    pub async fn check<T>(&self, work: impl Future<Output = T>) -> T {
        let _counted = self.counted(|book| &mut book.going_on);
        work.await
    }

    /// A check that goes on waits.
    pub async fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let _counted = self.counted(|book| &mut book.waiting);
        work.await
    }

    /// How long every check that went on has waited.
    pub fn total(&self) -> Duration {
        self.book(|book| book.total)
    }

    fn counted(&self, count: fn(&mut Book) -> &mut usize) -> Counted<'_> {
        self.book(|book| book.change(|book| *count(book) += 1));
        Counted { waits: self, count }
    }

    fn book<T>(&self, use_it: impl FnOnce(&mut Book) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.waits.book(|book| book.change(|book| *(self.count)(book) -= 1));
    }
}

impl Book {
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        self.total += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        change(self);
        let all_wait = self.going_on > 0 && self.waiting >= self.going_on;
        self.since = all_wait.then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn time_counts_while_all_that_go_on_wait() {
        let waits = Waits::default();
        let nap = || tokio::time::sleep(SPAN);
        waits.wait(nap()).await;
        assert_eq!(waits.total(), Duration::ZERO, "nothing goes on");
        waits.check(nap()).await;
        assert_eq!(waits.total(), Duration::ZERO, "it does not wait");
        waits.check(waits.wait(nap())).await;
        assert!(waits.total() >= SPAN);
    }

    #[tokio::test]
    async fn one_that_works_hides_that_the_other_waits() {
        let waits = Waits::default();
        let (works, waiting) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let one = waits.check(waits.wait(async {
            waiting.notify_one();
            works.notified().await;
        }));
        let other = waits.check(async {
            waiting.notified().await;
            works.notify_one();
            tokio::task::yield_now().await;
        });
        tokio::join!(biased; other, one);
        assert_eq!(waits.total(), Duration::ZERO);
    }
}
