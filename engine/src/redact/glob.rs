//! Patterns for names: `*` stands for any text, `?` for any one character.

/// A pattern for whole texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Reads a pattern; every text is one.
    pub fn new(pattern: &str) -> Glob {
        Glob(pattern.chars().collect())
    }

    /// Whether a text is one that the pattern describes. Takes time in proportion to both lengths' product at the most.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut p, mut t) = (0, 0);
        // Where the last star is, and up to where it reaches.
        let mut star = None;
        while t < text.len() {
            match self.0.get(p) {
                Some('*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(&c) if c == '?' || c == text[t] => (p, t) = (p + 1, t + 1),
                _ => {
                    let Some((at, reach)) = star else { return false };
                    star = Some((at, reach + 1));
                    (p, t) = (at + 1, reach + 1);
                }
            }
        }
        self.0[p..].iter().all(|&c| c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "x"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*.internal", "ip-1.ec2.internal"),
            ("worker-?", "worker-1"),
            ("a*b*c", "a-b-b-c"),
            ("", ""),
        ] {
            assert!(Glob::new(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a*c", "abbd"), ("worker-?", "worker-10"), ("", "x"), ("a", "A"), ("*b", "ba")]
        {
            assert!(!Glob::new(pattern).matches(text), "{pattern} {text}");
        }
    }
}
