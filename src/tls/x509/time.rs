//! When a certificate is valid (RFC 5280 §4.1.2.5).

use super::der::{Malformed, Reader};

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Seconds from the beginning of 1970; before it, negative.
pub(super) fn time(reader: &mut Reader<'_>) -> Result<i64, Malformed> {
    let (tag, text) = reader.any()?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = two_digits(text)?;
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        GENERALIZED_TIME => {
            let (century, rest) = two_digits(text)?;
            let (year, rest) = two_digits(rest)?;
            (century * 100 + year, rest)
        }
        _ => return Err(Malformed),
    };
    let (month, rest) = two_digits(rest)?;
    let (day, rest) = two_digits(rest)?;
    let (hour, rest) = two_digits(rest)?;
    let (minute, rest) = two_digits(rest)?;
    let (second, rest) = two_digits(rest)?;
    let is_date = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    if rest != b"Z" || !is_date || hour > 23 || minute > 59 || second > 59 {
        return Err(Malformed);
    }
    Ok(((day_number(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// The same, if a time is next; else nothing is read.
pub(super) fn optional_time(reader: &mut Reader<'_>) -> Result<Option<i64>, Malformed> {
    let mut ahead = *reader;
    match ahead.any() {
        Ok((UTC_TIME | GENERALIZED_TIME, _)) => time(reader).map(Some),
        _ => Ok(None),
    }
}

fn two_digits(text: &[u8]) -> Result<(i64, &[u8]), Malformed> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            let value = i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            Ok((value, rest))
        }
        _ => Err(Malformed),
    }
}

fn days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from the beginning of 1970 in the Gregorian calendar.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let before_year = |year: i64| {
        let years = year - 1;
        years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400)
    };
    let before_month: i64 = (1..month).map(|month| days(year, month)).sum();
    before_year(year) - before_year(1970) + before_month + day - 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &[u8]) -> Result<i64, Malformed> {
        let length = u8::try_from(text.len()).unwrap();
        let der = [&[tag, length], text].concat();
        time(&mut Reader::new(&der))
    }

    #[test]
    fn times_are_the_seconds_that_date_gives() {
        for (tag, text, expected) in [
            (UTC_TIME, &b"700101000000Z"[..], 0),
            (UTC_TIME, b"491231235959Z", 2_524_607_999),
            (UTC_TIME, b"500101000000Z", -631_152_000),
            (UTC_TIME, b"000229120000Z", 951_825_600),
            (GENERALIZED_TIME, b"99991231235959Z", 253_402_300_799),
            (GENERALIZED_TIME, b"20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, b"00010101000000Z", -62_135_596_800),
        ] {
            assert_eq!(seconds(tag, text), Ok(expected), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (tag, text) in [
            (UTC_TIME, &b"700101000000"[..]),
            (UTC_TIME, b"7001010000Z"),
            (UTC_TIME, b"700101000000+0100"),
            (UTC_TIME, b"701301000000Z"),
            (UTC_TIME, b"700001000000Z"),
            (UTC_TIME, b"700100000000Z"),
            (UTC_TIME, b"010229000000Z"),
            (UTC_TIME, b"700101240000Z"),
            (UTC_TIME, b"700101006000Z"),
            (UTC_TIME, b"700101000060Z"),
            (GENERALIZED_TIME, b"20500101000000.5Z"),
            (GENERALIZED_TIME, b"500101000000Z"),
            (0x16, b"700101000000Z"),
        ] {
            assert_eq!(
                seconds(tag, text),
                Err(Malformed),
                "{}",
                text.escape_ascii()
            );
        }
    }
}
