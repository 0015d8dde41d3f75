//! `Wed, 01 May 2024 10:20:30 GMT`.

use crate::sandbox::value::{civil, days};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Seconds since 1970 → text.
pub(crate) fn write(seconds: i64) -> String {
    let day = seconds.div_euclid(86_400) as i32;
    let (y, m, d) = civil(day);
    let s = seconds.rem_euclid(86_400);
    let weekday = WEEKDAYS[day.rem_euclid(7) as usize];
    format!(
        "{weekday}, {d:02} {} {y:04} {:02}:{:02}:{:02} GMT",
        MONTHS[m as usize - 1],
        s / 3600,
        s / 60 % 60,
        s % 60
    )
}

/// Text → seconds since 1970.
pub(crate) fn read(text: &str) -> Option<i64> {
    let mut words = text.split_once(',')?.1.split_whitespace();
    let day: u32 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))? as u32 + 1;
    let year: i32 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(str::parse::<i64>);
    let (h, m, s) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    Some(i64::from(days(year, month, day)?) * 86_400 + h * 3600 + m * 60 + s)
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_of_http_round_trip() {
        assert_eq!(super::write(1_714_558_830), "Wed, 01 May 2024 10:20:30 GMT");
        assert_eq!(super::read("Wed, 01 May 2024 10:20:30 GMT"), Some(1_714_558_830));
        assert_eq!(super::read("yesterday"), None);
    }
}
