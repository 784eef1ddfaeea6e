//! `muster config`.

use std::io::Write;

use serde::Serialize;

use super::CliError;
use super::output;
use crate::config::{Config, Loaded};

#[derive(Serialize)]
struct Line {
    option: String,
    variable: &'static str,
    unit: &'static str,
    default: &'static str,
    value: String,
    origin: String,
    meaning: String,
}

/// Prints every option: with its unit, default, value, where the value comes from, and what it means.
pub(super) fn print(loaded: &Loaded, json: bool, output: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let lines: Vec<Line> = Config::options()
        .into_iter()
        .map(|option| Line {
            value: loaded.config.get(&option.key).unwrap_or_default(),
            origin: loaded.origin(&option.key).to_string(),
            option: option.key,
            variable: option.variable,
            unit: option.unit,
            default: option.default,
            meaning: option.meaning,
        })
        .collect();
    if json {
        return output::json(&serde_json::json!({ "options": lines }), output);
    }
    let mut section = "";
    for line in &lines {
        let (found, name) = line.option.split_once('.').unwrap_or_default();
        if found != section {
            section = found;
            writeln!(output, "[{section}]\n")?;
        }
        writeln!(output, "{name} = {:?}    # {}", line.value, line.origin)?;
        writeln!(output, "    {}", line.meaning)?;
        writeln!(output, "    unit: {}; default: {:?}; variable: {}\n", line.unit, line.default, line.variable)?;
    }
    Ok(())
}
