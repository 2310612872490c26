//! Texts changed by their lines and letters.

use crate::random::{Random, damage};

/// Leaves lines out, doubles and swaps them, indents them, cuts the text, changes letters.
pub fn change(text: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=random.below(3) {
        if lines.is_empty() {
            break;
        }
        let at = random.below(lines.len());
        match random.below(8) {
            0 => {
                lines.remove(at);
            }
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let with = random.below(lines.len());
                lines.swap(at, with);
            }
            3 => {
                let others: Vec<_> = other.split_inclusive(|&byte| byte == b'\n').collect();
                if !others.is_empty() {
                    lines.insert(at, random.pick(&others).to_vec());
                }
            }
            4 => {
                lines[at].splice(0..0, b"  ".iter().copied());
            }
            5 => {
                let mark = *random.pick(b"{}[]:,-#&*!|>'\"%@`\t\0\xff?~");
                let place = random.below(lines[at].len());
                lines[at].insert(place, mark);
            }
            _ => damage(&mut lines[at], random),
        }
    }
    let mut bytes = lines.concat();
    if random.one_in(10) {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes
}
