//! `Cents` is exact in both directions.

use api::{Cents, ParseCentsError};

#[track_caller]
fn check(digits: &str, nanos: i64) {
    let cents = Cents::from_nanos(nanos);
    assert_eq!(serde_json::to_string(&cents).unwrap(), digits);
    assert_eq!(serde_json::from_str::<Cents>(digits).unwrap(), cents);
    assert_eq!(cents.to_string(), digits);
    assert_eq!(digits.parse::<Cents>().unwrap().nanos(), nanos);
}

#[test]
fn the_same_digits_go_out_and_come_in() {
    check("0", 0);
    check("5000", 50_000_000_000);
    check("640.19", 6_401_900_000);
    check("0.0000001", 1);
    check("-0.0000001", -1);
    check("-3", -30_000_000);
    check("-1.5", -15_000_000);
    check("10.01", 100_100_000);
    // An `f64` holds neither of these.
    check("90071992547.4099301", 900_719_925_474_099_301);
    check("922337203685.4775807", i64::MAX);
    check("-922337203685.4775808", i64::MIN);
}

#[test]
fn other_spellings_of_an_exact_amount_are_read() {
    let spellings = [
        ("640.190", "640.19"),
        ("6.4019e2", "640.19"),
        ("64019E-2", "640.19"),
        ("1.00000000000", "1"),
        ("1e+3", "1000"),
        ("1000e-10", "0.0000001"),
        ("0.000000000005e5", "0.0000005"),
        ("-0", "0"),
        ("0e99999999999999999999", "0"),
        ("0.00e-99999999999999999999", "0"),
    ];
    for (read, written) in spellings {
        let cents: Cents = serde_json::from_str(read).unwrap();
        assert_eq!(cents.to_string(), written, "{read}");
    }
}

#[test]
fn what_is_not_exact_or_does_not_fit_is_refused() {
    use ParseCentsError::{OutOfRange, Syntax, TooPrecise};
    let refusals = [
        ("0.00000001", TooPrecise),
        ("640.19000001", TooPrecise),
        ("1e-8", TooPrecise),
        ("1.00000000000000000000000000001", TooPrecise),
        ("1e-99999999999999999999", TooPrecise),
        ("1e-9223372036854775808", TooPrecise),
        ("922337203685.4775808", OutOfRange),
        ("-922337203685.4775809", OutOfRange),
        ("1e12", OutOfRange),
        ("1e90", OutOfRange),
        ("1e99999999999999999999", OutOfRange),
        ("1e9223372036854775807", OutOfRange),
        ("123456789012345678901234567890", OutOfRange),
        ("", Syntax),
        ("-", Syntax),
        ("+1", Syntax),
        (".5", Syntax),
        ("5.", Syntax),
        ("01", Syntax),
        ("1e", Syntax),
        ("1e+-2", Syntax),
        ("1_000", Syntax),
        (" 1", Syntax),
        ("NaN", Syntax),
        ("٣", Syntax),
    ];
    for (text, error) in refusals {
        assert_eq!(text.parse::<Cents>(), Err(error), "{text}");
        assert!(
            serde_json::from_str::<Cents>(&text.replace(' ', "x")).is_err(),
            "{text}"
        );
    }
    // A string, a null and a list are no numbers.
    for text in ["\"5000\"", "null", "[1]", "true"] {
        assert!(serde_json::from_str::<Cents>(text).is_err(), "{text}");
    }
}

#[test]
fn whole_cents_fit_or_are_refused() {
    assert_eq!(
        Cents::from_whole(5000),
        Some(Cents::from_nanos(50_000_000_000))
    );
    assert_eq!(Cents::from_whole(-1).unwrap().to_string(), "-1");
    assert_eq!(Cents::from_whole(922_337_203_686), None);
}

#[test]
fn any_amount_survives_the_wire() {
    // A fixed linear congruential sequence: every run tries the same 10 000 amounts.
    let mut state = 42_i64;
    for _ in 0..10_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let cents = Cents::from_nanos(state);
        let text = serde_json::to_string(&cents).unwrap();
        assert_eq!(
            serde_json::from_str::<Cents>(&text).unwrap(),
            cents,
            "{text}"
        );
    }
}
