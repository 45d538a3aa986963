//! Makes `docs/reference/configuration.md` out of the default file, and holds the two together.

use std::{fmt::Write as _, path::Path};

use super::{DEFAULTS, layers::variable_of};

const HEADER: &str = "\
<!-- Made from farebox/src/config.default.toml. Change that file, then run\n     \
UPDATE_EXPECT=1 cargo test -p farebox reference_is_up_to_date -->\n\n# Configuration\n";

fn render(defaults: &str) -> String {
    let mut page = HEADER.to_owned();
    let mut section = "";
    let mut comment = Vec::new();
    for line in defaults.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
            continue;
        }
        let text = std::mem::take(&mut comment).join("\n");
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name;
            write!(page, "\n## `[{name}]`\n\n{text}\n").unwrap();
        } else if let Some((key, value)) = line.split_once(" = ") {
            assert!(!text.is_empty(), "{section}.{key} is not documented");
            let variable = variable_of(&format!("{section}.{key}"));
            write!(
                page,
                "\n### `{key}`\n\nDefault `{value}`. Variable `{variable}`.\n\n{text}\n"
            )
            .unwrap();
        } else {
            assert!(line.is_empty(), "not understood: {line}");
            if !text.is_empty() {
                assert!(
                    section.is_empty(),
                    "this comment belongs to nothing: {text}"
                );
                write!(page, "\n{text}\n").unwrap();
            }
        }
    }
    page
}

#[test]
fn configuration_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    let expected = render(DEFAULTS);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference/configuration.md is out of date: run this test with UPDATE_EXPECT=1"
    );
}
