//! What takes several pages, over fakes.

use super::*;
use crate::testing::{Bench, contact};
use syncline_model::{Base, JournalSeq};
use uuid::Uuid;

#[tokio::test]
async fn a_survivor_goes_to_the_one_that_it_looks_like_also_where_there_is_more_than_a_page() {
    let bench = Bench::new().await;
    let (one, two) = (contact("1", 1, "a@example.com", "A"), contact("2", 1, "b@example.com", "B"));
    let mut survivor = contact("3", 2, "b@example.com", "B");
    let show = |page| bench.left.pages.lock().unwrap().push_back(page);
    show(vec![one.clone(), two.clone()]);
    let ctx = bench.open().await.unwrap();
    capture::cycle(&ctx, &"left".into()).await.unwrap();
    let mut batch = ctx.batch();
    let counterparts = ["1", "2"].map(|id| RecordRef::new("right", "Contact", id));
    let records = [one.record.clone(), two.record.clone()].into_iter().chain(counterparts);
    for (number, record) in [1, 2, 1, 2].into_iter().zip(records) {
        batch.link(Link {
            record,
            facet: Kind::Person,
            entity: EntityId(Uuid::from_u128(number)),
            state: LinkState::Active,
            evidence: Evidence::First,
            since: JournalSeq::default(),
            base: Some(Base::default()),
        });
    }
    ctx.store.commit(batch).await.unwrap();
    survivor.version = Some(syncline_model::Version("2".into()));
    let merged = [one, two].map(|mut seen| {
        seen.state = RecordState::MergedInto(survivor.record.id.clone());
        seen
    });
    let record = survivor.record.clone();
    show(merged.into_iter().chain([survivor]).collect());
    capture::cycle(&ctx, &"left".into()).await.unwrap();
    paged(&ctx, 1).await.unwrap();
    let links = ctx.store.records(&[record]).await.unwrap().remove(0).links;
    assert_eq!(links.iter().map(|link| link.entity).collect::<Vec<_>>(), [EntityId(Uuid::from_u128(2))]);
    assert_eq!(ctx.store.list(SUCCEEDED).await.unwrap(), []);
}
