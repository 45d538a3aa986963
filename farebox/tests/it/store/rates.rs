//! Calls that are counted for a rate limit.

use farebox::store::rates::{self, Admission, Slice};
use futures_util::future::join_all;

use crate::app::TestApp;

const LIMIT: i64 = 40;

fn wanted(gateway: i64, slice: i64) -> Admission {
    Admission {
        gateway,
        slice,
        since: 0,
        gone_at: i64::MAX,
        limit: LIMIT,
    }
}

/// However many want in at the same moment, in however many slices and by however many nodes.
async fn never_more_than_the_limit_come_through(app: &TestApp) {
    let other = app.another_node().await;
    let nodes = [Some(&app.app), other.as_ref()];
    let nodes: Vec<_> = nodes.into_iter().flatten().collect();
    for gateway in 1..=5 {
        let tasks = (0..200).map(|number| {
            let db = nodes[number % nodes.len()].store.db.clone();
            let slice = i64::try_from(number % 7).unwrap();
            app.app
                .tasks
                .spawn(async move { rates::admit(&db, &wanted(gateway, slice)).await.unwrap() })
        });
        let told = join_all(tasks).await;
        let through = told.into_iter().filter(|told| *told.as_ref().unwrap());
        assert_eq!(i64::try_from(through.count()).unwrap(), LIMIT);
        let counted = rates::slices(&app.app.store.db, gateway, 0).await.unwrap();
        assert_eq!(counted.iter().map(|slice| slice.calls).sum::<i64>(), LIMIT);
    }
    if let Some(other) = other {
        other.shut_down().await;
    }
}

async fn what_begins_before_the_window_counts_no_more(app: &TestApp) {
    let db = &app.app.store.db;
    for slice in [100, 100, 200, 300] {
        assert!(rates::admit(db, &wanted(1, slice)).await.unwrap());
    }
    let admitted = async |since, limit| {
        let wanted = Admission {
            since,
            limit,
            ..wanted(1, 400)
        };
        rates::admit(db, &wanted).await.unwrap()
    };
    assert!(!admitted(100, 4).await);
    assert!(admitted(101, 3).await);
    assert!(!admitted(200, 3).await);
    let counted = rates::slices(db, 1, 200).await.unwrap();
    let slice = |start, calls| Slice { start, calls };
    assert_eq!(counted, [slice(200, 1), slice(300, 1), slice(400, 1)]);
}

crate::on_both_engines![
    never_more_than_the_limit_come_through,
    what_begins_before_the_window_counts_no_more,
];
