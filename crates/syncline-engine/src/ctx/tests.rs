//! Accounts, schemas and the mapping, over fakes.

use super::News;
use crate::{
    connecting::{self, Connect},
    cycle,
    error::Error,
    secrets,
    testing::{Bench, CONFIG, contact, schema},
};
use jiff::SignedDuration;
use syncline_model::{Base, EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef};
use syncline_store::{Batch, DirtyKey, LinkWrite};
use uuid::Uuid;

#[tokio::test]
async fn account_and_schemas_are_asked_once_while_they_are_fresh() {
    let bench = Bench::new().await;
    let calls = || (*bench.left.account_calls.lock().unwrap(), *bench.left.describe_calls.lock().unwrap());
    bench.open().await.unwrap();
    bench.open().await.unwrap();
    assert_eq!(calls(), (1, 1));
    bench.advance(SignedDuration::from_mins(16));
    bench.open().await.unwrap();
    assert_eq!(calls(), (1, 2));
    bench.advance(SignedDuration::from_mins(61));
    let mut ctx = bench.open().await.unwrap();
    assert_eq!(calls(), (2, 3));
    bench.advance(SignedDuration::from_mins(61));
    ctx.freshen().await.unwrap();
    assert_eq!(calls(), (3, 4));
}

#[tokio::test]
async fn schemas_that_are_described_again_and_the_same_are_no_news() {
    let bench = Bench::new().await;
    let ctx = bench.open().await.unwrap();
    let mut facts = ctx.facts.clone();
    let described = || *bench.left.describe_calls.lock().unwrap();
    let mut news = async || {
        bench.advance(SignedDuration::from_mins(16));
        facts.refresh(&ctx.workspace, &ctx.connections, &ctx.batch()).await.unwrap()
    };
    assert_eq!((news().await, described()), (News::None, 2));
    *bench.left.schemas.lock().unwrap() = vec![schema("contacts", ["email", "title"])];
    assert_eq!((news().await, described()), (News::Some, 3));
    assert_eq!((news().await, described()), (News::None, 4));
}

#[tokio::test]
async fn a_new_process_is_handed_fresh_schemas_once_and_how_the_limits_stand() {
    let bench = Bench::new().await;
    let ctx = bench.open().await.unwrap();
    let handed = || bench.left.remembered.lock().unwrap().clone();
    assert!(handed().is_empty(), "this process described them itself");
    *bench.left.pace.lock().unwrap() = Some(serde_json::json!({"search": [1]}));
    ctx.keep_credentials().await.unwrap();
    assert!(bench.left.resumed.lock().unwrap().is_empty());

    let mut ctx = bench.open().await.unwrap();
    ctx.freshen().await.unwrap();
    assert_eq!(handed(), [vec!["contacts".into()]]);
    assert_eq!(*bench.left.resumed.lock().unwrap(), [serde_json::json!({"search": [1]})]);
    assert!(bench.right.resumed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_account_is_refused_whether_it_was_configured_or_only_seen_before() {
    let bench = Bench::new().await;
    bench.open().await.unwrap();
    for (shown, name) in [(&bench.left, "left"), (&bench.right, "right")] {
        let before = shown.account.lock().unwrap().replace("OTHER".to_owned());
        bench.advance(SignedDuration::from_hours(2));
        let error = bench.open().await.err().unwrap();
        assert_eq!((error.code().0, error.exit()), (1125, 5), "{name}: {error}");
        assert_eq!(bench.account_of(name).await, before);
        *shown.account.lock().unwrap() = before;
    }
}

#[tokio::test]
async fn a_renewed_token_is_kept_encrypted_and_the_account_asked_again() {
    let bench = Bench::new().await;
    let ctx = bench.open().await.unwrap();
    *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
    ctx.keep_credentials().await.unwrap();
    let key = ctx.workspace.key().unwrap();
    let stored = secrets::load(&*ctx.store, key, &"left".into()).await.unwrap().unwrap();
    assert_eq!(stored.credentials, serde_json::json!({"t": "renewed"}));
    let sealed = ctx.store.get("secret/left").await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("renewed"));
    bench.open().await.unwrap();
    assert_eq!(*bench.left.account_calls.lock().unwrap(), 2);
    assert_eq!(*bench.right.account_calls.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_token_that_was_renewed_while_opening_is_kept_whatever_came_of_it() {
    for fails in [true, false] {
        let bench = Bench::new().await;
        *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
        if fails {
            *bench.right.account.lock().unwrap() = None;
        }
        assert_eq!(bench.open().await.is_err(), fails);
        assert_eq!(bench.token_of("left").await, "renewed", "{fails}");
    }
}

#[tokio::test]
async fn a_token_that_was_renewed_is_kept_with_the_page_and_the_account_asked_at_the_end() {
    let bench = Bench::new().await;
    let ctx = bench.open().await.unwrap();
    *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
    crate::capture::cycle(&ctx, &"left".into()).await.unwrap();
    assert_eq!(bench.token_of("left").await, "renewed");
    for _ in 0..2 {
        ctx.keep_credentials().await.unwrap();
        assert_eq!(*bench.left.account_calls.lock().unwrap(), 2);
    }
}

#[tokio::test]
async fn a_look_that_fails_keeps_what_the_next_process_has_to_know() {
    let bench = Bench::new().await;
    let mut ctx = bench.open().await.unwrap();
    *bench.left.down.lock().unwrap() = Some("maintenance");
    *bench.left.pace.lock().unwrap() = Some(serde_json::json!({"search": [1]}));
    *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
    let looked = cycle::look(&mut ctx).await;
    assert!(matches!(looked, Err(Error::Vendor { .. })), "{looked:?}");
    let stored = secrets::load(&*ctx.store, ctx.workspace.key().unwrap(), &"left".into()).await.unwrap();
    assert_eq!(stored.unwrap().credentials, serde_json::json!({"t": "renewed"}));
    drop(ctx);
    bench.open().await.unwrap();
    assert_eq!(*bench.left.resumed.lock().unwrap(), [serde_json::json!({"search": [1]})]);
}

#[tokio::test]
async fn refused_credentials_and_a_connection_without_any_end_with_their_codes() {
    let bench = Bench::new().await;
    *bench.left.account.lock().unwrap() = None;
    let error = bench.open().await.err().unwrap();
    assert_eq!((error.code().0, error.exit()), (1130, 4));
    let mut batch = Batch::at(bench.outside.clock.now());
    batch.puts.push(("secret/left".to_owned(), None));
    bench.workspace.store.commit(batch).await.unwrap();
    let error = bench.open().await.err().unwrap();
    assert!(matches!(error, Error::NotConnected { .. }), "{error}");
}

#[tokio::test]
async fn a_schema_that_changes_the_mapping_marks_everything_for_the_next_look_and_nothing_else_does() {
    let bench = Bench::new().await;
    bench.left.pages.lock().unwrap().push_back(vec![contact("1", 1, "a@example.com", "A")]);
    let mut ctx = bench.open().await.unwrap();
    cycle::look(&mut ctx).await.unwrap();
    let entity = EntityId(Uuid::from_u128(5));
    let mut batch = ctx.batch();
    batch.links.push(LinkWrite::Put(Link {
        record: RecordRef::new("left", "contacts", "1"),
        facet: Kind::Person,
        entity,
        state: LinkState::Active,
        evidence: Evidence::First,
        since: JournalSeq(0),
        base: Some(Base::default()),
    }));
    batch.done = ctx.store.dirty(None, 10).await.unwrap();
    ctx.store.commit(batch).await.unwrap();

    bench.advance(SignedDuration::from_mins(20));
    let mut other = bench.open().await.unwrap();
    cycle::look(&mut other).await.unwrap();
    assert_eq!(ctx.store.dirty_count().await.unwrap(), 0, "described again, the same");
    let mut narrower = schema("contacts", ["email", "lastname"]);
    if let Some(field) = narrower.fields.get_mut("lastname") {
        field.max_length = Some(3);
    }
    *bench.left.schemas.lock().unwrap() = vec![narrower];
    bench.advance(SignedDuration::from_mins(20));
    let mut other = bench.open().await.unwrap();
    other.freshen().await.unwrap();
    assert_eq!(ctx.store.dirty_count().await.unwrap(), 0, "somebody else may be inside a run");
    cycle::look(&mut other).await.unwrap();
    let work = ctx.store.dirty(None, 10).await.unwrap();
    assert_eq!(
        work.into_iter().map(|work| work.key).collect::<Vec<_>>(),
        [DirtyKey::Entity(Kind::Person, entity)]
    );
}

#[tokio::test]
async fn connecting_another_account_takes_a_word_and_forgets_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("syncline.toml"), CONFIG).unwrap();
    let bench = Bench::in_dir(dir.path()).await;
    bench.left.pages.lock().unwrap().push_back(vec![contact("1", 1, "a@example.com", "A")]);
    let ctx = bench.open().await.unwrap();
    crate::capture::cycle(&ctx, &"left".into()).await.unwrap();
    *bench.left.account.lock().unwrap() = Some("L2".to_owned());
    let line = r#"{"vendor":"hubspot","credentials":{"t":"new"}}"#;
    let connect = |replace_account| {
        let name = "left".into();
        let (bench, dir) = (&bench, dir.path());
        async move {
            let connect = Connect { name: &name, vendor: None, line, replace_account };
            let result =
                connecting::connect(&bench.workspace, &bench.outside, &*bench.build(), connect).await;
            (result, std::fs::read_to_string(dir.join("syncline.toml")).unwrap())
        }
    };
    let (refused, text) = connect(false).await;
    assert!(matches!(refused, Err(Error::OtherAccount { .. })));
    assert_eq!(text, CONFIG);
    assert!(ctx.store.get("cursor/left").await.unwrap().is_some());

    let (connected, text) = connect(true).await;
    assert!(connected.unwrap().replaced);
    assert_eq!(text, CONFIG.replace("\"L1\"", "\"L2\""));
    assert_eq!(bench.account_of("left").await.as_deref(), Some("L2"));
    assert_eq!(ctx.store.get("cursor/left").await.unwrap(), None);
    assert_eq!(ctx.store.list("schema/left/").await.unwrap(), []);
}

#[tokio::test]
async fn a_token_that_is_kept_is_not_put_over_one_that_another_process_renewed_since() {
    let bench = Bench::new().await;
    let ctx = bench.open().await.unwrap();
    *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
    crate::capture::cycle(&ctx, &"left".into()).await.unwrap();
    assert_eq!(bench.token_of("left").await, "renewed");
    let (key, mut batch) = (ctx.workspace.key().unwrap(), Batch::at(ctx.now()));
    let mut secret = secrets::load(&*ctx.store, key, &"left".into()).await.unwrap().unwrap();
    secret.credentials = serde_json::json!({"t": "theirs"});
    secrets::put(&mut batch, key, &bench.outside.entropy, &"left".into(), &secret).unwrap();
    ctx.store.commit(batch).await.unwrap();
    ctx.keep_credentials().await.unwrap();
    assert_eq!(bench.token_of("left").await, "theirs");
}
