//! A strict reader of OpenMetrics text 1.0: whatever the standard forbids is an error here, and some of what it advises
//! against.

use std::collections::{BTreeMap, BTreeSet};

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name, with the suffix.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// A family: its type, and its samples in order.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// As the text says.
    pub kind: String,
    /// In the order of the text.
    pub samples: Vec<Sample>,
    has_help: bool,
    has_unit: bool,
}

/// Reads a whole exposition; families by name.
///
/// # Errors
/// What is wrong, with the row.
pub fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF and a line's end")?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for row in body.split_terminator('\n') {
        let done = match row.strip_prefix("# ") {
            Some(remark) => take_remark(&mut families, &mut current, remark),
            None => take_sample(&mut families, &current, row),
        };
        done.map_err(|why| format!("{why}: {row:?}"))?;
    }
    for (name, family) in &families {
        check(name, family).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(families)
}

fn take_remark(families: &mut BTreeMap<String, Family>, current: &mut String, remark: &str) -> Result<(), String> {
    let mut parts = remark.splitn(3, ' ');
    let (Some(what), Some(name), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("no remark that may be there".to_owned());
    };
    if !is_name(name) {
        return Err("no name".to_owned());
    }
    if what == "TYPE" {
        let kinds = ["counter", "gauge", "histogram", "info", "stateset", "summary"];
        if !kinds.contains(&text) {
            return Err("no type".to_owned());
        }
        let family = Family { kind: text.to_owned(), ..Family::default() };
        if families.insert(name.to_owned(), family).is_some() {
            return Err("a family twice, or in pieces".to_owned());
        }
        name.clone_into(current);
        return Ok(());
    }
    let family = families.get_mut(name).filter(|_| name == current.as_str()).ok_or("about another family")?;
    if !family.samples.is_empty() {
        return Err("behind its samples".to_owned());
    }
    let place = match what {
        "HELP" => &mut family.has_help,
        "UNIT" if name.ends_with(&format!("_{text}")) => &mut family.has_unit,
        _ => return Err("no remark that may be there".to_owned()),
    };
    if std::mem::replace(place, true) { Err("twice".to_owned()) } else { Ok(()) }
}

fn take_sample(families: &mut BTreeMap<String, Family>, current: &str, row: &str) -> Result<(), String> {
    let end = row.find(['{', ' ']).ok_or("no sample")?;
    let (name, rest) = row.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = value.strip_prefix(' ').ok_or("no space before the value")?;
    // No time stamps and no exemplars: this server gives none.
    let value = value.parse::<f64>().map_err(|_| "no value")?;
    if !is_name(name) {
        return Err("no name".to_owned());
    }
    let family = families.get_mut(current).ok_or("before any family")?;
    let suffixes: &[&str] = match family.kind.as_str() {
        "counter" => &["_total", "_created"],
        "histogram" => &["_bucket", "_count", "_sum", "_created"],
        "summary" => &["", "_count", "_sum", "_created"],
        "info" => &["_info"],
        _ => &[""],
    };
    if !name.strip_prefix(current).is_some_and(|suffix| suffixes.contains(&suffix)) {
        return Err(format!("not of the family {current}"));
    }
    let sample = Sample { name: name.to_owned(), labels, value };
    if family.samples.iter().any(|known| known.name == sample.name && known.labels == sample.labels) {
        return Err("twice".to_owned());
    }
    family.samples.push(sample);
    Ok(())
}

/// Labels up to the closing brace, and what comes behind it.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, behind) = rest.split_once("=\"").ok_or("no label")?;
        if !is_name(name) || name.contains(':') {
            return Err("no name of a label".to_owned());
        }
        let (mut value, mut chars) = (String::new(), behind.char_indices());
        let end = loop {
            match chars.next().ok_or("a label without an end")? {
                (at, '"') => break at,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other @ ('\\' | '"'))) => value.push(other),
                    _ => return Err("no escape".to_owned()),
                },
                (_, other) => value.push(other),
            }
        };
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label twice".to_owned());
        }
        rest = &behind[end + 1..];
        match rest.as_bytes().first() {
            Some(b',') => rest = &rest[1..],
            Some(b'}') => return Ok((labels, &rest[1..])),
            _ => return Err("no end of the labels".to_owned()),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.chars().all(is_inside) && text.starts_with(|c: char| !c.is_ascii_digit())
}

fn check(name: &str, family: &Family) -> Result<(), String> {
    if !family.has_help || family.samples.is_empty() {
        return Err("without help, or without a sample".to_owned());
    }
    let values = || family.samples.iter().map(|sample| sample.value);
    let is_good = match family.kind.as_str() {
        "counter" => values().all(|value| value >= 0.0 && value.is_finite()),
        "info" => values().all(|value| value == 1.0),
        "stateset" => {
            let has_state = |sample: &Sample| sample.labels.contains_key(name);
            values().all(|value| value == 0.0 || value == 1.0) && family.samples.iter().all(has_state)
        }
        "histogram" => return check_histogram(family),
        _ => values().all(|value| !value.is_nan()),
    };
    if is_good { Ok(()) } else { Err("a value that its type forbids".to_owned()) }
}

/// Buckets that rise in both ways to the count, and a sum that fits.
fn check_histogram(family: &Family) -> Result<(), String> {
    let of = |suffix: &'static str| family.samples.iter().filter(move |sample| sample.name.ends_with(suffix));
    let bound = |sample: &Sample| sample.labels.get("le").and_then(|le| le.replace("+Inf", "inf").parse::<f64>().ok());
    let buckets: Vec<(f64, f64)> =
        of("_bucket").map(|sample| Some((bound(sample)?, sample.value))).collect::<Option<_>>().ok_or("no bound")?;
    let (count, sum) = (of("_count").next().ok_or("no count")?.value, of("_sum").next().ok_or("no sum")?.value);
    let last = buckets.last().ok_or("no bucket")?;
    let rises = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
    let is_whole = last.0 == f64::INFINITY && last.1 == count && sum >= 0.0 && (count > 0.0 || sum == 0.0);
    if rises && is_whole { Ok(()) } else { Err(format!("{buckets:?}, {count}, {sum}")) }
}

/// Every name of a sample.
pub fn names(families: &BTreeMap<String, Family>) -> BTreeSet<String> {
    families.values().flat_map(|family| &family.samples).map(|sample| sample.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# HELP a_seconds So long.\n\
        a_seconds_bucket{le=\"0.5\"} 1\na_seconds_bucket{le=\"+Inf\"} 2\na_seconds_count 2\na_seconds_sum 3.25\n\
        # TYPE b counter\n# HELP b So often.\nb_total{why=\"x\\\"\\\\y\"} 0\n# EOF\n";

    #[test]
    fn what_the_standard_allows_is_read_and_what_it_forbids_is_not() {
        let families = parse(GOOD).expect("good");
        assert_eq!(families["a_seconds"].samples.len(), 4);
        assert_eq!(families["b"].samples[0].labels["why"], "x\"\\y");
        for (good, bad) in [
            ("# EOF\n", "# EOF"),
            ("# EOF\n", "\n# EOF\n"),
            ("b_total", "b"),
            ("b_total{why", "b_total {why"),
            (" 0\n", "\n"),
            (" 0\n", " -1\n"),
            (" 0\n", " 0 \n"),
            ("# TYPE b counter\n", "# TYPE b count\n"),
            ("# TYPE b counter\n", "# TYPE b counter\n# TYPE b counter\n"),
            ("# HELP b So often.\n", "# help\n"),
            ("UNIT a_seconds seconds", "UNIT a_seconds bytes"),
            ("le=\"0.5\"} 1", "le=\"0.5\"} 3"),
            ("_count 2", "_count 3"),
            ("le=\"+Inf\"", "le=\"7\""),
        ] {
            assert!(GOOD.contains(good) && parse(&GOOD.replacen(good, bad, 1)).is_err(), "{bad:?} was taken");
        }
    }
}
