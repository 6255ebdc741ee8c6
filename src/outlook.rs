//! About how long longer work still takes, by what it usually takes and how fast it has gone so far.

use std::time::Duration;

/// Work of so many seconds is as good a witness of the pace as what is known beforehand.
const KNOWN: f64 = 20.0;
/// What goes so many times as fast as usual was kept.
const KEPT: f64 = 5.0;
/// Less is left than anybody can say.
const FEW: f64 = 10.0;
/// More is told in minutes.
const MINUTES_FROM: f64 = 90.0;

/// How fast pieces of work have gone, next to what they usually take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    usual: f64,
    took: f64,
}

/// What is ahead when a piece of work begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// How many seconds the piece usually takes.
    usual: f64,
    /// About how many it takes now, and those after it.
    this: f64,
    after: f64,
}

impl Pace {
    /// A piece that usually takes so many seconds has taken this time.
    pub fn took(&mut self, usual: u32, took: Duration) {
        let (usual, took) = (f64::from(usual), took.as_secs_f64());
        // What was kept from an earlier time says nothing of the pace.
        if took * KEPT > usual {
            self.usual += usual;
            self.took += took;
        }
    }

    /// The outlook for a piece and those after it, by the seconds that they usually take.
    pub fn outlook(self, this: u32, after: u32) -> Outlook {
        let pace = (self.took + KNOWN) / (self.usual + KNOWN);
        let usual = f64::from(this);
        Outlook { usual, this: usual * pace, after: f64::from(after) * pace }
    }
}

impl Outlook {
    /// What is left of everything, in words, the piece having gone on for so long.
    pub fn words(self, elapsed: Duration) -> String {
        let elapsed = elapsed.as_secs_f64();
        let left = (self.this - elapsed).max(0.0) + self.after;
        let of = if self.after > 0.0 { " in all" } else { "" };
        if elapsed > self.this.max(self.usual) && left < FEW {
            "longer than usual".to_owned()
        } else if left < FEW {
            format!("a few seconds left{of}")
        } else if left <= MINUTES_FROM {
            format!("about {:.0} s left{of}", (left / 10.0).ceil() * 10.0)
        } else {
            format!("about {:.0} min left{of}", (left / 60.0).ceil())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_left_goes_down_and_is_never_promised_to_the_second() {
        let outlook = Pace::default().outlook(60, 0);
        let words: Vec<String> =
            [0, 21, 31, 52, 61].map(|at| outlook.words(seconds(at))).into_iter().collect();
        let expected = [
            "about 60 s left",
            "about 40 s left",
            "about 30 s left",
            "a few seconds left",
            "longer than usual",
        ];
        assert_eq!(words, expected);
        assert_eq!(Pace::default().outlook(100, 0).words(seconds(0)), "about 2 min left");
    }

    #[test]
    fn the_pieces_that_come_after_count_and_go_as_fast_as_those_before() {
        let mut pace = Pace::default();
        assert_eq!(pace.outlook(20, 20).words(seconds(0)), "about 40 s left in all");
        // Twice as long as usual; what is known beforehand still counts.
        pace.took(40, seconds(80));
        assert_eq!(pace.outlook(30, 0).words(seconds(0)), "about 50 s left");
        // What the builder had kept takes no time, and says nothing.
        let mut pace = Pace::default();
        pace.took(60, seconds(0));
        assert_eq!(pace.outlook(60, 0).words(seconds(0)), "about 60 s left");
    }

    #[test]
    fn what_goes_faster_than_usual_so_far_is_not_late_before_its_usual_time() {
        let mut pace = Pace::default();
        pace.took(40, seconds(10));
        let outlook = pace.outlook(20, 0);
        assert_eq!(outlook.words(seconds(0)), "about 10 s left");
        assert_eq!(outlook.words(seconds(19)), "a few seconds left");
        assert_eq!(outlook.words(seconds(21)), "longer than usual");
    }
}
