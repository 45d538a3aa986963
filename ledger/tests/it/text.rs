//! Text to values and back: amounts, fees, ids, accounts, names.

use ledger::{
    Account, AccountId, Amount, Balances, Code, DecimalError, FeeRate, HoldState, Phase, Timestamp,
    TransferId,
};

#[test]
fn amounts_are_exact_decimal_cents() {
    let cases = [
        (0, "0"),
        (1, "0.0000001"),
        (-1, "-0.0000001"),
        (10_000_000, "1"),
        (6_401_900_000, "640.19"),
        (50_000_000_000, "5000"),
        (-15_000_000, "-1.5"),
        (i64::MAX, "922337203685.4775807"),
        (i64::MIN, "-922337203685.4775808"),
    ];
    for (nanos, text) in cases {
        let amount = Amount::from_nanos(nanos);
        assert_eq!(amount.to_string(), text);
        assert_eq!(text.parse(), Ok(amount), "{text}");
    }
}

#[test]
fn amounts_are_read_strictly() {
    use DecimalError::{NotADecimal, OutOfRange, TooManyPlaces};
    let cases = [
        ("", NotADecimal),
        ("-", NotADecimal),
        (".5", NotADecimal),
        ("5.", NotADecimal),
        ("+5", NotADecimal),
        ("--5", NotADecimal),
        ("1e3", NotADecimal),
        ("1,5", NotADecimal),
        (" 1", NotADecimal),
        ("1.2.3", NotADecimal),
        ("1.-2", NotADecimal),
        ("٣", NotADecimal),
        ("0.00000001", TooManyPlaces),
        ("922337203685.4775808", OutOfRange),
        ("-922337203685.4775809", OutOfRange),
        ("99999999999999999999999999999999999999999999", OutOfRange),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Amount>(), Err(error), "{text}");
    }
    assert_eq!("007.50".parse(), Ok(Amount::from_nanos(75_000_000)));
    assert_eq!("-0".parse(), Ok(Amount::ZERO));
}

#[test]
fn cents_convert_only_exactly() {
    assert_eq!(
        Amount::from_cents(5000),
        Some(Amount::from_nanos(50_000_000_000))
    );
    assert_eq!(Amount::from_cents(i64::MAX), None);
    assert_eq!(Amount::from_cents(-3).unwrap().to_cents(), Some(-3));
    assert_eq!(Amount::from_nanos(10_000_001).to_cents(), None);
}

#[test]
fn amounts_never_wrap_around() {
    let (least, most) = (Amount::from_nanos(i64::MIN), Amount::from_nanos(i64::MAX));
    let one = Amount::from_nanos(1);
    assert_eq!(most.checked_add(one), None);
    assert_eq!(least.checked_sub(one), None);
    assert_eq!(least.checked_neg(), None);
    assert_eq!(one.checked_neg(), Some(Amount::from_nanos(-1)));
    assert!(least.is_negative() && !least.is_positive());
    assert!(!Amount::ZERO.is_negative() && !Amount::ZERO.is_positive());
}

#[test]
fn available_credit_survives_rows_out_of_range() {
    let most = Amount::from_nanos(i64::MAX);
    let totals = Balances {
        debits_pending: most,
        debits_posted: most,
        ..Balances::default()
    };
    assert_eq!(totals.available(), Amount::from_nanos(i64::MIN));
}

#[test]
fn fees_are_rounded_half_up_to_a_cent() {
    let cases = [
        ("5", 10_000, 500),
        ("5", 1000, 50),
        ("5", 1009, 50),
        ("5", 1010, 51),
        ("5", 1011, 51),
        ("2.9", 1000, 29),
        ("2.9", 1017, 29),
        ("2.9", 1018, 30),
        ("0.0001", 500_000, 1),
        ("0.0001", 499_999, 0),
        ("0", 1000, 0),
        ("100", i64::MAX, i64::MAX),
    ];
    for (rate, amount, fee) in cases {
        assert_eq!(
            FeeRate::parse(rate).unwrap().fee_cents(amount),
            Some(fee),
            "{rate} {amount}"
        );
        assert_eq!(FeeRate::parse(rate).unwrap().to_string(), rate);
    }
    assert_eq!(FeeRate::NONE.fee_cents(1000), Some(0));
    assert_eq!(FeeRate::NONE.fee_cents(-1), None);
}

#[test]
fn fee_rates_are_percentages() {
    assert_eq!(FeeRate::parse("5.00001"), Err(DecimalError::TooManyPlaces));
    assert_eq!(FeeRate::parse("100.0001"), Err(DecimalError::OutOfRange));
    assert_eq!(FeeRate::parse("-1"), Err(DecimalError::OutOfRange));
    assert_eq!(FeeRate::parse("5%"), Err(DecimalError::NotADecimal));
}

#[test]
fn ids_have_one_spelling() {
    let text = "00ff0102030405060708090a0b0c0d0e";
    let account: AccountId = text.parse().unwrap();
    let transfer: TransferId = text.parse().unwrap();
    assert_eq!(
        (account.to_string(), transfer.to_string()),
        (text.to_owned(), text.to_owned())
    );
    assert_eq!(format!("{account:?}"), text);
    assert_eq!(account.as_bytes()[1], 0xff);
    assert_eq!(AccountId::from_bytes(*account.as_bytes()), account);
    assert_eq!(TransferId::from_u128(transfer.as_u128()), transfer);
    let wrong = [
        "",
        "00FF0102030405060708090a0b0c0d0e",
        "0ff0102030405060708090a0b0c0d0e",
        "000ff0102030405060708090a0b0c0d0e",
        "+0ff0102030405060708090a0b0c0d0e",
        "00ff0102-0304-0506-0708-090a0b0c",
    ];
    for text in wrong {
        assert!(text.parse::<AccountId>().is_err(), "{text}");
        assert!(text.parse::<TransferId>().is_err(), "{text}");
    }
}

#[test]
fn accounts_read_back() {
    let customer = "customer:00ff0102030405060708090a0b0c0d0e";
    let names = [
        customer,
        "clearing",
        "revenue",
        "fees",
        "promotions",
        "write_offs",
        "adjustments",
    ];
    for name in names {
        assert_eq!(name.parse::<Account>().unwrap().to_string(), name);
    }
    for wrong in [
        "",
        "customer",
        "customer:",
        "customer:1",
        "Clearing",
        "cash",
    ] {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
    assert_eq!(Account::Fees.customer(), None);
}

#[test]
fn codes_keep_their_numbers() {
    let names: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("{} {code}", code.number()))
        .collect();
    assert_eq!(
        names.join(", "),
        "1 top_up, 2 top_up_fee, 3 usage, 4 promotion, 5 write_off, 6 adjustment, 7 reversal, \
         8 refund, 9 reinstatement"
    );
    for code in Code::ALL {
        assert_eq!(Code::from_name(code.name()), Some(*code));
        assert_eq!(Code::from_number(code.number()), Some(*code));
    }
    assert_eq!(
        (Code::from_number(0), Code::from_name("topup")),
        (None, None)
    );
}

#[test]
fn states_and_phases_keep_their_names() {
    let names: Vec<&str> = HoldState::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(names, ["open", "posted", "voided", "expired"]);
    let hold = TransferId::from_u128(1);
    let phases = [
        Phase::Single,
        Phase::Pending {
            expires_at: Timestamp::default(),
        },
        Phase::Post { hold, last: true },
        Phase::Void { hold },
        Phase::Expire { hold },
    ];
    let names = phases.map(|phase| (phase.name(), phase.hold().is_some()));
    let expected = [
        ("single", false),
        ("pending", false),
        ("post", true),
        ("void", true),
        ("expire", true),
    ];
    assert_eq!(names, expected);
}

#[test]
fn moments_are_milliseconds() {
    let moment = Timestamp::from_millis(-1);
    assert_eq!((moment.millis(), moment.secs()), (-1, -1));
    assert_eq!(Timestamp::from_millis(1999).secs(), 1);
    assert_eq!(
        moment.checked_add_millis(2),
        Some(Timestamp::from_millis(1))
    );
    assert_eq!(
        moment.checked_sub_millis(2),
        Some(Timestamp::from_millis(-3))
    );
    assert_eq!(Timestamp::from_millis(i64::MAX).checked_add_millis(1), None);
    assert_eq!(Timestamp::from_millis(i64::MIN).checked_sub_millis(1), None);
}
