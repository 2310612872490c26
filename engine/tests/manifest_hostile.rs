//! Hostile and random input: an answer in bounded time and memory, never a panic.
#![allow(clippy::unwrap_used)]

use kubetape_engine::manifest::{Refusal, admit, decode};
use proptest::prelude::*;
use std::fmt::Write as _;

/// What the door says of the first document.
fn answer(bytes: &[u8]) -> Result<(), Refusal> {
    let decoded = decode("hostile", bytes);
    let Some(document) = decoded.documents.first() else { return Ok(()) };
    admit(document, None, "default").map(|_| ())
}

fn message(bytes: &[u8]) -> String {
    answer(bytes).unwrap_err().message
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(",");
        writeln!(text, "a{i}: &a{i} [{list}]").unwrap();
    }
    assert!(message(text.as_bytes()).contains("document contains excessive aliasing"));
    assert!(message(b"a: &a [*a]").contains("yaml:"));
    assert!(message(b"a: *nope").contains("unknown anchor 'nope' referenced"));
}

#[test]
fn nesting_is_bounded() {
    let hundred_megabytes = vec![b'['; 100 * 1024 * 1024];
    let refusal = answer(&hundred_megabytes).unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (413, "Request entity too large: limit is 3145728"));
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let text = format!("x:\n  {}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(message(text.as_bytes()).contains("exceeded max depth"), "{open}");
    }
    let block: String = (0..2_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(message(block.as_bytes()).contains("exceeded max depth"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert!(message(b"a: \xff\xfe").contains("invalid leading UTF-8 octet"));
    assert!(message(b"a: \xc3(").contains("invalid trailing UTF-8 octet"));
    assert!(message(b"a: \xe2\x82").contains("incomplete UTF-8 octet sequence"));
    assert!(message(b"a: \0").contains("control characters are not allowed"));
    assert!(message(b"a: \x1b[31m").contains("control characters are not allowed"));
}

const GOOD: &str = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                    template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: c, image: i}]}\n";

#[test]
fn numbers_out_of_range_are_refused() {
    for number in
        ["99999999999999999999", "2147483648", "1e400", "-9223372036854775809", "0x1FFFFFFFFFFFFFFFFF", "1.5"]
    {
        let text =
            GOOD.replace("spec:\n  selector", &format!("spec:\n  minReadySeconds: {number}\n  selector"));
        let message = message(text.as_bytes());
        assert!(message.contains("DaemonSetSpec.spec.minReadySeconds of type int32"), "{number}: {message}");
    }
    for number in [".inf", "-.inf", ".nan"] {
        let text =
            GOOD.replace("spec:\n  selector", &format!("spec:\n  minReadySeconds: {number}\n  selector"));
        assert!(message(text.as_bytes()).contains("unsupported value"), "{number}");
    }
    for quantity in [
        "1e99999999999",
        "99999999999999999999999999999999999999999999",
        "0.0000000000000000000000000001",
        "-1e400",
    ] {
        let limits = format!("image: i, resources: {{limits: {{cpu: \"{quantity}\"}}}}");
        let _ = answer(GOOD.replace("image: i", &limits).as_bytes());
    }
}

#[test]
fn ten_thousand_documents_are_read_singly() {
    let text = format!("{GOOD}---\n").repeat(10_000);
    let decoded = decode("many", text.as_bytes());
    assert_eq!(decoded.documents.len(), 10_000);
    assert!(decoded.documents.iter().all(|d| d.name == "d" && admit(d, None, "default").is_ok()));
}

#[test]
fn a_million_selector_terms_are_too_large_and_the_largest_that_fit_are_answered() {
    let selector = |n: usize| {
        let mut labels = String::new();
        for i in 0..n {
            write!(labels, "k{i}: v{i}, ").unwrap();
        }
        GOOD.replace("matchLabels: {a: b}", &format!("matchLabels: {{{labels} a: b}}"))
    };
    assert_eq!(answer(selector(1_000_000).as_bytes()).unwrap_err().code, 413);
    let refusal = answer(selector(150_000).as_bytes()).unwrap_err();
    assert!(refusal.message.ends_with("`selector` does not match template `labels`"));
    // As many problems as fit: the answer is cut, not the door.
    let bad = selector(150_000).replace(": v", ": -v");
    assert_eq!(answer(bad.as_bytes()).unwrap_err().problems.len(), 10_000);
}

#[test]
fn duplicate_names_are_two_documents() {
    let decoded = decode("twice", format!("{GOOD}---\n{GOOD}").as_bytes());
    assert_eq!(decoded.documents.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["d", "d"]);
}

#[test]
fn a_long_key_of_every_sort_is_answered() {
    let key = "k".repeat(100_000);
    for text in
        [format!("{key}: 1"), format!("? {key}\n: 1"), format!("{{\"{key}\": 1}}"), format!("[{key}: 1]")]
    {
        let _ = answer(text.as_bytes());
    }
}

/// Lines that are nearly manifests.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "template",
        "selector",
        "matchLabels",
        "containers",
        "name",
        "image",
        "DaemonSet",
        "apps/v1",
        "- ",
        "? ",
        "*a",
        "&a ",
        "<<",
        "!!str ",
        "!x ",
        "|",
        ">",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "#",
        "---",
        "...",
        "%YAML 1.1",
        "~",
        "null",
        "0644",
        "1e3",
        ".inf",
        "yes",
        "\t",
        " ",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "é",
        "\\x",
        "\r\n",
        "\n",
        "\n  ",
        "\n    ",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = answer(&bytes);
    }

    #[test]
    fn anything_nearly_yaml_gets_an_answer(text in nearly_yaml()) {
        let first = answer(text.as_bytes());
        prop_assert_eq!(first, answer(text.as_bytes()));
    }

    /// A good manifest with a few bytes changed still gets an answer, and places lie inside the text.
    #[test]
    fn damaged_manifests_get_an_answer(edits in prop::collection::vec((0..GOOD.len(), any::<u8>()), 1..4)) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        if let Err(refusal) = answer(&bytes) {
            let lines = bytes.iter().filter(|&&b| b == b'\n').count() as u32 + 1;
            for place in refusal.problems.iter().filter_map(|p| p.place) {
                prop_assert!(place.line <= lines, "{:?} of {} lines: {}", place, lines, refusal.message);
            }
        }
    }

    /// What was admitted is admitted again, unchanged: defaults are complete.
    #[test]
    fn admission_is_idempotent(surge in 0..3i64, ready in 0..100i64, host in any::<bool>(), tag in "[a-z]{0,3}") {
        let unavailable = i64::from(surge == 0);
        let text = GOOD.replace("spec:\n  selector", &format!(
            "spec:\n  minReadySeconds: {ready}\n  updateStrategy: {{rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}\n  selector"
        )).replace("image: i", &format!("image: i:x{tag}")).replace("spec: {containers", &format!("spec: {{hostNetwork: {host}, containers"));
        let once = admit(&decode("a", text.as_bytes()).documents[0], None, "default").unwrap().object;
        let again = serde_json::to_vec(&once).unwrap();
        let twice = admit(&decode("a", &again).documents[0], None, "default").unwrap().object;
        prop_assert_eq!(&once, &twice);
        let updated = admit(&decode("a", &again).documents[0], Some(&once), "default").unwrap().object;
        prop_assert_eq!(once, updated);
    }
}
