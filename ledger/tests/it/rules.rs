//! The ledger's rules, as tables.

use crate::table::check;

/// Makes each table a test, and keeps them all for the count of what they reach.
macro_rules! tables {
    ($( $(#[$doc:meta])* $name:ident = $table:literal; )+) => {
        $( $(#[$doc])* #[test] fn $name() { check($table); } )+

        /// Every table of this file.
        pub(crate) const ALL: &[&str] = &[$( $table, )+];
    };
}

tables! {
    money_moves_at_once = "
        account A
        account B
        transfer T1 clearing>A 100 top_up            | ok
        transfer T2 clearing>fees 5 top_up_fee       | ok
        balance A                                    | posted=100 held=0 available=100
        transfer T3 A>revenue 30 usage               | ok
        transfer T4 A>B 50 adjustment                | ok
        balance A                                    | posted=20 held=0 available=20
        balance B                                    | posted=50 held=0 available=50
        changes                                      | transfers=4 holds=0 balances=2
    ";

    a_transfer_is_refused_by_name = "
        account A
        fund A 100
        transfer T1 clearing>A 0 top_up              | amount_must_be_positive
        transfer T1 clearing>A -1 top_up             | amount_must_be_positive
        transfer T1 clearing>A min top_up            | amount_must_be_positive
        transfer T1 A>A 1 adjustment                 | accounts_must_differ
        transfer T1 fees>fees 1 adjustment           | accounts_must_differ
        transfer T1 clearing>A 1 top_up ref=*256     | reference_too_long
        transfer T1 clearing>X 1 top_up              | account_not_found
        transfer T1 X>revenue 1 usage                | account_not_found
        transfer T1 A>X 1 usage                      | account_not_found
        transfer T1 A>revenue 101 usage              | insufficient_credit
        # Nothing of it has used up the id, and the last credit can be spent.
        transfer T1 A>revenue 100 usage ref=*255     | ok
        transfer T2 A>revenue 1 usage                | insufficient_credit
        balance A                                    | posted=0 held=0 available=0
    ";

    the_refusal_with_the_smallest_number_wins = "
        account A
        transfer T1 X>X 0 usage ref=*256             | amount_must_be_positive
        transfer T1 X>X 1 usage ref=*256             | accounts_must_differ
        transfer T1 X>A 1 usage ref=*256             | reference_too_long
        transfer T1 A>X 1 usage                      | account_not_found
        hold H1 X>A -1 usage exp=0 ref=*256          | amount_must_not_be_negative
        hold H1 X>A 1 usage exp=0 ref=*256           | hold_must_credit_system_account
        hold H1 X>revenue 1 usage exp=0 ref=*256     | reference_too_long
        hold H1 X>revenue 1 usage exp=0              | expiry_must_be_in_the_future
        hold H1 X>revenue 1 usage exp=1              | account_not_found
        post P1 X.H1 -1 ref=*256                     | amount_must_be_positive
        post P1 X.H1 -1 last ref=*256                | amount_must_not_be_negative
        post P1 X.H1 1 ref=*256                      | reference_too_long
        post P1 X.H1 1                               | account_not_found
        post P1 A.H1 1                               | hold_not_found
        fund A 10
        hold H1 A>revenue 10 usage exp=1             | ok
        tick 1
        post P1 A.H1 11                              | hold_expired
    ";

    a_spending_limit_counts_what_is_settled_and_held = "
        account A
        account B
        fund A 1000
        fund B 1000
        limit A 100 daily fixed
        transfer T1 A>revenue 101 usage              | spending_limit_exceeded
        transfer T1 A>revenue 40 usage               | ok
        hold H1 A>revenue 61 usage exp=90000000      | spending_limit_exceeded
        hold H1 A>revenue 60 usage exp=90000000      | ok
        hold H2 A>revenue 1 usage exp=9              | spending_limit_exceeded
        transfer T2 A>revenue 1 usage                | spending_limit_exceeded
        # What is free, and what is no usage, is not limited; nor is somebody else.
        hold H2 A>revenue 0 usage exp=9              | ok
        transfer T3 A>B 100 adjustment               | ok
        transfer T4 B>revenue 500 usage              | ok
        # Settling is never refused, and what it releases can be spent again.
        post P1 A.H1 20                              | ok
        hold H3 A>revenue 1 usage exp=9              | spending_limit_exceeded
        post P2 A.H1 10 last                         | ok
        hold H3 A>revenue 31 usage exp=9             | spending_limit_exceeded
        hold H3 A>revenue 30 usage exp=9             | ok
        # A repeat is one, whatever is left.
        hold H1 A>revenue 60 usage exp=90000000      | exists
    ";

    a_spending_limit_holds_within_a_group_and_is_undone_with_it = "
        account A
        fund A 1000
        limit A 100 daily fixed
        transfer T1 A>revenue 60 usage + transfer T2 A>revenue 41 usage | spending_limit_exceeded@1
        transfer T1 A>revenue 60 usage + transfer T2 A>revenue 40 usage | ok ok
        transfer T3 A>revenue 1 usage                | spending_limit_exceeded
        limit A 50 daily fixed
        transfer T3 A>revenue 1 usage                | spending_limit_exceeded
        limit A 101 daily fixed
        transfer T3 A>revenue 1 usage                | ok
    ";

    a_fixed_window_begins_anew_and_a_sliding_one_moves_on = "
        account A
        account B
        fund A 1000
        fund B 1000
        limit A 100 daily fixed
        limit B 100 daily sliding
        tick 86399999
        transfer T1 A>revenue 100 usage              | ok
        transfer T2 B>revenue 100 usage              | ok
        tick 1
        transfer T3 A>revenue 100 usage              | ok
        transfer T4 B>revenue 1 usage                | spending_limit_exceeded
        tick 86399998
        transfer T4 B>revenue 1 usage                | spending_limit_exceeded
        tick 1
        transfer T4 B>revenue 100 usage              | ok
    ";

    what_is_settled_late_counts_when_it_is_settled = "
        account A
        fund A 1000
        limit A 100 daily fixed
        hold H1 A>revenue 80 usage exp=99999999999   | ok
        tick 1d
        # Yesterday's hold still takes its part of today.
        transfer T1 A>revenue 21 usage               | spending_limit_exceeded
        post P1 A.H1 70 last                         | ok
        transfer T1 A>revenue 31 usage               | spending_limit_exceeded
        transfer T1 A>revenue 30 usage               | ok
    ";

    the_limit_comes_last_of_the_refusals = "
        account A
        fund A 50
        limit A 10 monthly sliding
        hold H1 A>revenue 51 usage exp=9             | insufficient_credit
        hold H1 A>revenue 50 usage exp=9             | spending_limit_exceeded
    ";

    a_hold_keeps_credit_back = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        balance A                                    | posted=100 held=60 available=40
        state H1                                     | open 0/60
        hold H2 A>revenue 41 usage exp=10            | insufficient_credit
        transfer T1 A>revenue 41 usage               | insufficient_credit
        hold H2 A>revenue 40 usage exp=10            | ok
        balance A                                    | posted=100 held=100 available=0
        hold H3 A>revenue 1 usage exp=10             | insufficient_credit
        changes                                      | transfers=3 holds=2 balances=1
        changes                                      | transfers=0 holds=0 balances=0
    ";

    a_hold_is_refused_by_name = "
        account A
        account B
        fund A 100
        hold H1 A>revenue -1 usage exp=10            | amount_must_not_be_negative
        hold H1 A>B 1 usage exp=10                   | hold_must_credit_system_account
        hold H1 A>A 1 usage exp=10                   | hold_must_credit_system_account
        hold H1 A>revenue 1 usage exp=10 ref=*256    | reference_too_long
        tick 10
        hold H1 A>revenue 1 usage exp=10             | expiry_must_be_in_the_future
        hold H1 A>revenue 1 usage exp=-1             | expiry_must_be_in_the_future
        hold H1 X>revenue 1 usage exp=11             | account_not_found
        hold H1 A>revenue max usage exp=11           | insufficient_credit
        state H1                                     | none
        hold H1 A>revenue 1 usage exp=11 ref=*255    | ok
    ";

    one_post_takes_all = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        post P1 A.H1 60                              | ok
        balance A                                    | posted=40 held=0 available=40
        state H1                                     | posted 60/60
        post P2 A.H1 1                               | hold_already_posted
        post P2 A.H1 0 last                          | hold_already_posted
        void V1 A.H1                                 | hold_already_posted
        tick 10
        expire E1 A.H1                               | hold_already_posted
    ";

    a_hold_is_posted_in_parts = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        post P1 A.H1 10                              | ok
        balance A                                    | posted=90 held=50 available=40
        state H1                                     | open 10/60
        post P2 A.H1 51                              | post_exceeds_hold
        post P2 A.H1 max                             | post_exceeds_hold
        post P2 A.H1 51 last                         | post_exceeds_hold
        post P2 A.H1 20                              | ok
        post P3 A.H1 5 last                          | ok
        balance A                                    | posted=65 held=0 available=65
        state H1                                     | posted 35/60
        post P4 A.H1 1                               | hold_already_posted
        changes                                      | transfers=5 holds=1 balances=1
    ";

    a_last_post_of_zero_charges_nothing = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        post P1 A.H1 0                               | amount_must_be_positive
        post P1 A.H1 -1                              | amount_must_be_positive
        post P1 A.H1 -1 last                         | amount_must_not_be_negative
        post P1 A.H1 0 last ref=*256                 | reference_too_long
        post P1 A.H1 0 last                          | ok
        balance A                                    | posted=100 held=0 available=100
        state H1                                     | posted 0/60
    ";

    a_free_request_takes_the_same_path = "
        account A
        hold H1 A>revenue 0 usage exp=10             | ok
        state H1                                     | open 0/0
        post P1 A.H1 1 last                          | post_exceeds_hold
        post P1 A.H1 0 last                          | ok
        state H1                                     | posted 0/0
        balance A                                    | posted=0 held=0 available=0
    ";

    a_void_gives_back_what_is_left = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        hold H2 A>revenue 40 usage exp=10            | ok
        void V1 A.H1                                 | ok
        balance A                                    | posted=100 held=40 available=60
        state H1                                     | voided 0/60
        post P1 A.H2 10                              | ok
        void V2 A.H2                                 | ok
        balance A                                    | posted=90 held=0 available=90
        state H2                                     | voided 10/40
        void V3 A.H1                                 | hold_already_voided
        post P2 A.H1 1                               | hold_already_voided
        tick 10
        expire E1 A.H1                               | hold_already_voided
    ";

    a_hold_ends_at_its_expiry = "
        account A
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        hold H2 A>revenue 30 usage exp=10            | ok
        tick 9
        expire E1 A.H1                               | hold_not_yet_expired
        post P1 A.H1 1                               | ok
        tick 1
        # Its time is over, though nobody has expired it yet: the credit is still kept back.
        post P2 A.H1 1                               | hold_expired
        void V1 A.H1                                 | hold_expired
        balance A                                    | posted=99 held=89 available=10
        expire E1 A.H1                               | ok
        balance A                                    | posted=99 held=30 available=69
        state H1                                     | expired 1/60
        post P2 A.H1 1                               | hold_expired
        void V1 A.H1                                 | hold_expired
        expire E2 A.H1                               | hold_expired
        tick 100
        expire E2 A.H2                               | ok
        balance A                                    | posted=99 held=0 available=99
    ";

    nobody_learns_of_anothers_hold = "
        account A
        account B
        fund A 100
        hold H1 A>revenue 60 usage exp=10            | ok
        post P1 B.H1 1                               | hold_not_found
        void V1 B.H1                                 | hold_not_found
        expire E1 B.H1                               | hold_not_found
        post P1 A.H9 1                               | hold_not_found
        void V1 A.H9                                 | hold_not_found
        expire E1 A.H9                               | hold_not_found
        post P1 X.H1 1                               | account_not_found
        void V1 X.H1                                 | account_not_found
        expire E1 X.H1                               | account_not_found
        state H1                                     | open 0/60
    ";

    a_repeat_is_a_success_that_changes_nothing = "
        account A
        fund A 100
        transfer T1 A>revenue 10 usage ref=x         | ok
        hold H1 A>revenue 50 usage exp=10 ref=x      | ok
        hold H2 A>revenue 30 usage exp=10            | ok
        hold H3 A>revenue 10 usage exp=10            | ok
        post P1 A.H1 20 ref=x                        | ok
        post P2 A.H1 20 last                         | ok
        void V1 A.H2                                 | ok
        tick 10
        expire E1 A.H3                               | ok
        changes                                      | transfers=9 holds=3 balances=1
        # All again, later, when most of it would be refused if it were new.
        transfer T1 A>revenue 10 usage ref=x         | exists
        hold H1 A>revenue 50 usage exp=10 ref=x      | exists
        post P1 A.H1 20 ref=x                        | exists
        post P2 A.H1 20 last                         | exists
        void V1 A.H2                                 | exists
        expire E1 A.H3                               | exists
        changes                                      | transfers=0 holds=0 balances=0
        balance A                                    | posted=50 held=0 available=50
    ";

    the_same_transfer_id_with_other_content_is_a_conflict = "
        account A
        account B
        fund A 100
        fund B 100
        transfer T1 A>revenue 10 usage ref=x         | ok
        transfer T1 B>fees 11 write_off ref=y        | exists_with_different_debit
        transfer T1 A>fees 11 write_off ref=y        | exists_with_different_credit
        transfer T1 A>revenue 11 write_off ref=y     | exists_with_different_amount
        transfer T1 A>revenue 0 usage ref=x          | exists_with_different_amount
        transfer T1 A>revenue 10 write_off ref=y     | exists_with_different_code
        transfer T1 A>revenue 10 usage ref=y         | exists_with_different_reference
        transfer T1 A>revenue 10 usage               | exists_with_different_reference
        hold T1 A>revenue 10 usage ref=x exp=10      | exists_with_different_phase
        post T1 A.T1 10 ref=x                        | exists_with_different_phase
        void T1 A.T1                                 | exists_with_different_phase
        expire T1 A.T1                               | exists_with_different_phase
    ";

    the_same_hold_id_with_other_content_is_a_conflict = "
        account A
        account B
        fund A 100
        fund B 100
        hold H1 A>revenue 10 usage exp=10 ref=x      | ok
        hold H1 B>fees 11 write_off exp=11 ref=y     | exists_with_different_account
        hold H1 A>fees 11 write_off exp=11 ref=y     | exists_with_different_credit
        hold H1 A>revenue 11 write_off exp=11 ref=y  | exists_with_different_amount
        hold H1 A>revenue 10 write_off exp=11 ref=y  | exists_with_different_code
        hold H1 A>revenue 10 usage exp=11 ref=y      | exists_with_different_reference
        hold H1 A>revenue 10 usage exp=11 ref=x      | exists_with_different_expiry
        transfer H1 A>revenue 10 usage ref=x         | exists_with_different_phase
    ";

    the_same_resolution_id_with_other_content_is_a_conflict = "
        account A
        account B
        fund A 100
        hold H1 A>revenue 10 usage exp=10            | ok
        hold H2 A>revenue 10 usage exp=10            | ok
        hold H3 A>revenue 10 usage exp=10            | ok
        post P1 A.H1 4 ref=x                         | ok
        post P1 B.H2 5 last ref=y                    | exists_with_different_account
        post P1 A.H2 5 last ref=y                    | exists_with_different_hold
        post P1 A.H1 5 last ref=y                    | exists_with_different_amount
        post P1 A.H1 4 last ref=y                    | exists_with_different_last
        post P1 A.H1 4 ref=y                         | exists_with_different_reference
        void P1 A.H1                                 | exists_with_different_phase
        void V1 A.H2                                 | ok
        void V1 B.H3                                 | exists_with_different_account
        void V1 A.H3                                 | exists_with_different_hold
        expire V1 A.H2                               | exists_with_different_phase
        tick 10
        expire E1 A.H3                               | ok
        expire E1 B.H2                               | exists_with_different_account
        expire E1 A.H2                               | exists_with_different_hold
        void E1 A.H3                                 | exists_with_different_phase
    ";

    a_group_is_applied_in_order = "
        account A
        transfer T1 clearing>A 100 top_up + transfer T2 clearing>fees 5 top_up_fee | ok ok
        hold H1 A>revenue 100 usage exp=10 + post P1 A.H1 30 last | ok ok
        balance A                                    | posted=70 held=0 available=70
        # The first operation's credit pays for the second, and a repeat may be inside a group.
        transfer T3 clearing>A 30 top_up + transfer T4 A>revenue 100 usage | ok ok
        transfer T3 clearing>A 30 top_up + transfer T5 clearing>A 1 top_up | exists ok
        transfer T6 clearing>A 1 top_up + transfer T6 clearing>A 1 top_up | ok exists
        balance A                                    | posted=2 held=0 available=2
        changes                                      | transfers=8 holds=1 balances=1
    ";

    a_group_is_applied_in_full_or_not_at_all = "
        account A
        account B
        fund A 100
        hold H1 A>revenue 50 usage exp=10            | ok
        changes                                      | transfers=2 holds=1 balances=1
        post P1 A.H1 20 + transfer T1 A>B 30 adjustment + void V1 A.H1 + transfer T2 B>A 31 adjustment | insufficient_credit@3
        balance A                                    | posted=100 held=50 available=50
        balance B                                    | posted=0 held=0 available=0
        state H1                                     | open 0/50
        changes                                      | transfers=0 holds=0 balances=0
        # New holds vanish with their group, and so do the ids.
        hold H2 A>revenue 50 usage exp=10 + hold H3 A>revenue 1 usage exp=10 | insufficient_credit@1
        state H2                                     | none
        transfer T1 A>B 30 adjustment + transfer T1 A>B 31 adjustment | exists_with_different_amount@1
        transfer X1 A>X 1 usage + transfer T1 A>B 30 adjustment | account_not_found@0
        # What an earlier group did, and is not written yet, outlives the undoing of a later one.
        transfer T3 A>B 10 adjustment                | ok
        transfer T4 A>B 10 adjustment + post P1 A.H1 51 | post_exceeds_hold@1
        balance A                                    | posted=90 held=50 available=40
        changes                                      | transfers=1 holds=0 balances=2
        transfer T4 A>B 10 adjustment + post P1 A.H1 50 | ok ok
        changes                                      | transfers=2 holds=1 balances=2
    ";

    only_a_reversal_takes_a_customer_below_zero = "
        account A
        fund A 100
        hold H1 A>revenue 80 usage exp=10            | ok
        transfer T1 A>clearing 50 adjustment         | insufficient_credit
        transfer T1 A>clearing 50 reversal           | ok
        balance A                                    | posted=50 held=80 available=-30
        # Until it is paid back nothing new begins, not even for nothing.
        hold H2 A>revenue 0 usage exp=10             | insufficient_credit
        hold H2 A>clearing 1 reversal exp=10         | insufficient_credit
        # What was admitted before is still settled.
        post P1 A.H1 70 last                         | ok
        balance A                                    | posted=-20 held=0 available=-20
        transfer T2 clearing>A 20 top_up             | ok
        hold H2 A>revenue 0 usage exp=10             | ok
    ";

    the_last_of_a_balance_can_be_held = "
        account A
        fund A 100
        hold_up_to H1 A>revenue 10..60 usage exp=10    | ok
        state H1                                       | open 0/60
        hold_up_to H2 A>revenue 10..60 usage exp=10    | ok
        state H2                                       | open 0/40
        hold_up_to H3 A>revenue 1..60 usage exp=10     | insufficient_credit
        hold_up_to H3 A>revenue 0..60 usage exp=10     | ok
        state H3                                       | open 0/0
        # A repeat is answered with what was held, though there may be more by now.
        post P1 A.H1 1 last                            | ok
        hold_up_to H2 A>revenue 10..60 usage exp=10    | exists
        hold_up_to H2 A>revenue 41..60 usage exp=10    | exists_with_different_amount
        hold_up_to H2 A>revenue 10..39 usage exp=10    | exists_with_different_amount
        hold_up_to H2 A>revenue 10..60 usage exp=11    | exists_with_different_expiry
        hold H2 A>revenue 40 usage exp=10              | exists
        # A spending limit is room as well.
        limit A 50 daily fixed
        hold_up_to H4 A>revenue 9..60 usage exp=10     | ok
        state H4                                       | open 0/9
        hold_up_to H5 A>revenue 1..60 usage exp=10     | spending_limit_exceeded
        hold_up_to H5 A>revenue 0..60 usage exp=10     | ok
        hold_up_to H6 A>revenue 2..1 usage exp=10      | least_exceeds_most
        hold_up_to H6 A>revenue -1..1 usage exp=10     | amount_must_not_be_negative
        hold_up_to H6 A>A 0..1 usage exp=10            | hold_must_credit_system_account
        hold_up_to H6 B>revenue 0..1 usage exp=10      | account_not_found
        freeze A
        hold_up_to H6 A>revenue 0..1 usage exp=10      | account_frozen
        balance A                                      | posted=99 held=49 available=50
    ";

    a_refund_takes_only_what_is_there = "
        account A
        fund A 100
        hold H1 A>revenue 70 usage exp=10            | ok
        transfer T1 A>clearing 31 refund             | insufficient_credit
        transfer T1 A>clearing 30 refund             | ok
        transfer T2 clearing>A 30 reinstatement      | ok
        balance A                                    | posted=100 held=70 available=30
        post P1 A.H1 70                              | ok
        balance A                                    | posted=30 held=0 available=30
    ";

    a_frozen_customer_spends_nothing_new = "
        account A
        account B
        fund A 100
        fund B 100
        hold H1 A>revenue 40 usage exp=10            | ok
        freeze A
        hold H2 A>revenue 1 usage exp=10             | account_frozen
        hold H2 A>revenue 0 usage exp=10             | account_frozen
        transfer T1 A>revenue 1 usage                | account_frozen
        # What else is wrong is said first.
        hold H2 A>revenue 61 usage exp=10            | insufficient_credit
        # What was admitted before is settled, money comes and goes, and nobody else is touched.
        post P1 A.H1 10                              | ok
        transfer T2 clearing>A 5 top_up              | ok
        transfer T3 A>clearing 5 reversal            | ok
        hold H3 B>revenue 1 usage exp=10             | ok
        # The same again is no new spending.
        hold H1 A>revenue 40 usage exp=10            | exists
        thaw A
        hold H2 A>revenue 1 usage exp=10             | ok
    ";

    totals_stay_in_range = "
        account A credits=max-1
        account B credits=5 debits=max-1
        account C credits=max
        transfer T1 clearing>A 2 top_up              | overflow
        transfer T1 clearing>A 1 top_up              | ok
        transfer T2 clearing>A 1 top_up              | overflow
        hold H1 A>revenue max usage exp=10           | ok
        balance A                                    | posted=9223372036854775807 held=9223372036854775807 available=0
        post P1 A.H1 max                             | ok
        balance A                                    | posted=0 held=0 available=0
        transfer T3 A>clearing 1 reversal            | overflow
        transfer T4 B>clearing 2 reversal            | overflow
        transfer T4 B>clearing 1 reversal            | ok
        balance B                                    | posted=-9223372036854775802 held=0 available=-9223372036854775802
        # What is held counts too, though the posted total alone would still fit.
        account D credits=max
        hold H2 D>revenue max usage exp=10           | ok
        transfer T6 D>clearing 1 reversal            | overflow
        # A transfer between customers that only the second cannot take changes neither.
        transfer T5 C>A 1 adjustment                 | overflow
        balance C                                    | posted=9223372036854775807 held=0 available=9223372036854775807
    ";

    rows_that_contradict_each_other_are_not_made_worse = "
        account A credits=100 pending=3
        hold_row H1 A posted=1 of=5 exp=10
        void V1 A.H1                                 | overflow
        post P1 A.H1 4                               | overflow
        post P1 A.H1 1 last                          | overflow
        state H1                                     | open 1/5
        balance A                                    | posted=100 held=3 available=97
        changes                                      | transfers=0 holds=0 balances=0
    ";

    what_is_loaded_later_does_not_replace_what_is_newer = "
        account A
        fund A 100
        account A credits=7
        balance A                                    | posted=100 held=0 available=100
    ";
}
