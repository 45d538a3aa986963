//! Lines of comma-separated values (RFC 4180).

/// One line, without its end.
pub fn line<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
    let mut line = String::new();
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        push(&mut line, field.as_ref());
    }
    line
}

fn push(line: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_would_break_a_line_is_quoted() {
        assert_eq!(super::line(["a", "", "b c"]), "a,,b c");
        assert_eq!(
            super::line(["a,b", "say \"no\"", "x\ny"]),
            "\"a,b\",\"say \"\"no\"\"\",\"x\ny\""
        );
    }
}
