//! Which part of a sweep is made here.

use std::env;
use std::str::FromStr;

/// Part `index` (from 0) of `count`: the runs whose number leaves that remainder, so that neighbours, which cost
/// alike, go to different parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// Everything.
impl Default for Shard {
    fn default() -> Self {
        Shard { index: 0, count: 1 }
    }
}

impl Shard {
    /// Whether a run belongs to the part.
    pub fn has(self, run: usize) -> bool {
        run % self.count == self.index
    }

    fn read(text: &str, completion_index: Option<&str>) -> Result<Shard, String> {
        let (index, count) = text.split_once('/').ok_or("a shard is I/N, such as 0/10")?;
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a number"));
        let count = number(count)?;
        let index = match (index, completion_index) {
            ("", None) => return Err("/N needs the environment variable JOB_COMPLETION_INDEX".to_owned()),
            ("", Some(index)) => number(index)?,
            (index, _) => number(index)?,
        };
        if index >= count {
            return Err(format!("there is no part {index} of {count}; parts are counted from 0"));
        }
        Ok(Shard { index, count })
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Shard::read(text, env::var("JOB_COMPLETION_INDEX").ok().as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_zero_and_cover_everything_once() {
        assert_eq!(Shard::read("1/3", None), Ok(Shard { index: 1, count: 3 }));
        assert_eq!(Shard::read("/3", Some("2")), Ok(Shard { index: 2, count: 3 }));
        for (bad, index) in
            [("3/3", None), ("/3", None), ("/3", Some("3")), ("1", None), ("a/b", None), ("0/0", None)]
        {
            assert!(Shard::read(bad, index).is_err(), "{bad}");
        }
        for run in 0..20 {
            assert_eq!((0..3).filter(|index| Shard { index: *index, count: 3 }.has(run)).count(), 1);
        }
    }
}
