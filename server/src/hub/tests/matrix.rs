//! Every role, kind of document and operation, own and other, over real sockets: what the access table allows is let in,
//! and nothing else.

use automerge::transaction::Transactable;
use automerge::{ChangeHash, ROOT};
use muster_model::access::{Access, Role};
use muster_model::document::{DocKind, DocRef};
use muster_model::id::{AttendeeId, FactId, RecordId};

use super::stage::{
    Edit, Stage, collections, create_record, delete_fact, delete_record, device, documents, edit_record, elder, fact,
    has_facts, presenter, put_fact, there,
};
use crate::storage::{MemoryStore, QuarantineLimits};
use crate::testing::{Phone, event};

/// What is tried in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    Create(&'static str),
    Edit(&'static str),
    Delete(&'static str),
    /// A fact of its own; one that a presenter tells of themselves, or of another.
    Append {
        of_self: bool,
    },
    /// A fact under another device's id.
    AppendForeign,
    /// Other words for a fact of its own, or of another.
    Overwrite {
        own: bool,
    },
    DeleteFact {
        own: bool,
    },
    Structure,
}

fn tries(document: DocRef) -> Vec<Try> {
    let mut all = vec![Try::Structure];
    for name in collections(document.kind) {
        all.extend([Try::Create(name), Try::Edit(name), Try::Delete(name)]);
    }
    if has_facts(document.kind) {
        all.extend([Try::Append { of_self: true }, Try::Append { of_self: false }, Try::AppendForeign]);
        all.extend([true, false].map(|own| Try::Overwrite { own }));
        all.extend([true, false].map(|own| Try::DeleteFact { own }));
    }
    all
}

fn roles() -> [Role; 4] {
    [Role::Coordinator, Role::Finance, Role::Staff, Role::Presenter(presenter(1))]
}

/// What the access table and the design say, written down apart from the code that decides.
fn is_allowed(role: Role, document: DocRef, what: Try) -> bool {
    let access = role.access(&document);
    let appends = matches!(access, Access::Append | Access::Edit) && document.kind != DocKind::Answers;
    match what {
        Try::Create("needs") | Try::Edit("needs") => matches!(access, Access::Edit | Access::EditOwnNeeds),
        Try::Create(_) | Try::Edit(_) | Try::Delete(_) => access == Access::Edit,
        // Staff tell of presenters, presenters of themselves.
        Try::Append { of_self } => match access {
            Access::AppendOwn => of_self,
            _ if document.kind == DocKind::Arrivals => appends && !of_self,
            _ => appends,
        },
        Try::AppendForeign | Try::Overwrite { .. } | Try::DeleteFact { .. } | Try::Structure => false,
    }
}

fn own_fact(document: DocRef, number: u32, counter: u64, of_self: bool) -> (String, String) {
    let id = FactId { device: device(number), counter };
    let who = if of_self { presenter(1) } else { presenter(2) };
    (id.to_string(), fact(document.kind, id, (who, of_self)))
}

fn edit(document: DocRef, number: u32, what: Try) -> Edit {
    let new_key = |name| match there(name).as_str() {
        "main" => "main".to_owned(),
        _ => AttendeeId::from_random([u8::try_from(number % 200).unwrap() + 10; 10]).to_string(),
    };
    let elders = FactId { device: elder(), counter: 1 }.to_string();
    match what {
        Try::Create(name) => create_record(name, new_key(name)),
        Try::Edit(name) => edit_record(name, there(name), format!("number {number}")),
        Try::Delete(name) => delete_record(name, there(name)),
        Try::Append { of_self } => put_fact(own_fact(document, number, 1, of_self)),
        Try::AppendForeign => {
            let id = FactId { device: device(90_000), counter: u64::from(number) + 1 };
            put_fact((id.to_string(), fact(document.kind, id, (presenter(2), false))))
        }
        Try::Overwrite { own: true } => {
            let (key, text) = own_fact(document, number, 1, false);
            let edit = put_fact((key.clone(), text.clone()));
            Box::new(move |tx| {
                edit(tx)?;
                put_fact((key, format!("{text} ")))(tx)
            })
        }
        Try::Overwrite { own: false } => {
            let id = FactId { device: elder(), counter: 1 };
            put_fact((elders, fact(document.kind, id, (presenter(1), false)) + " "))
        }
        Try::DeleteFact { own: false } => delete_fact(elders),
        Try::DeleteFact { own: true } => {
            let (key, text) = own_fact(document, number, 1, false);
            let edit = put_fact((key.clone(), text));
            Box::new(move |tx| {
                edit(tx)?;
                delete_fact(key)(tx)
            })
        }
        Try::Structure => Box::new(|tx| tx.put(ROOT, "schema_version", 2)),
    }
}

/// Waits until the server has taken or refused what the phone wrote last.
async fn settled(phone: &Phone, document: DocRef, change: ChangeHash) {
    let done = |state: &crate::testing::State| {
        !state.notices.is_empty() || state.closed.is_some() || state.is_acknowledged(document)
    };
    phone.until(&format!("a word about {change}"), done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_kind_and_operation() {
    let mut cells = (0, 0, 0);
    let mut number = 0;
    let stage = Stage::set_up(MemoryStore::new([event()], QuarantineLimits::default())).await;
    for document in documents() {
        for role in roles() {
            for what in tries(document) {
                number += 1;
                let phone = stage.phone(number, role).await;
                let allowed = is_allowed(role, document, what);
                let label = format!("{role} {what:?} in {document}");
                cells.0 += 1;
                if !Stage::opens(&phone, document).await {
                    assert!(!allowed && !role.access(&document).may_read(), "{label}: not to be had");
                    cells.2 += 1;
                    continue;
                }
                // What was deleted by an earlier cell is put back by nobody: deleting comes last of a collection, and is
                // made of a copy that still has the record.
                let change = phone.edit(document, phone.actor(1), edit(document, number, what)).hash();
                settled(&phone, document, change).await;
                assert_eq!(
                    stage.holds(document, change).await,
                    allowed,
                    "{label}: {:?}",
                    phone.look(|s| s.notices.clone())
                );
                assert_eq!(phone.look(|state| state.notices.is_empty()), allowed, "{label}");
                cells.1 += usize::from(allowed);
                cells.2 += usize::from(!allowed);
                if allowed && matches!(what, Try::Delete(_)) {
                    let name = if let Try::Delete(name) = what { name } else { "" };
                    let put = create_record(name, there(name));
                    stage.server.hub.edit(event(), document, put).await.unwrap();
                }
            }
        }
    }
    let (tried, let_in, refused) = cells;
    println!("{tried} cells of the access table: {let_in} let in, {refused} refused");
    assert!(tried > 400 && let_in + refused == tried && let_in > 60);
}

/// Changes of one device that another carries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_author_and_carrier() {
    let stage = Stage::set_up(MemoryStore::new([event()], QuarantineLimits::default())).await;
    let (mut tried, mut let_in, mut number) = (0, 0, 10_000);
    for document in documents() {
        for author in roles() {
            for carrier in roles() {
                let records = collections(document.kind).into_iter().map(Try::Edit);
                let facts = [true, false].map(|of_self| Try::Append { of_self });
                let facts = facts.into_iter().filter(|_| has_facts(document.kind));
                for what in records.chain(facts) {
                    number += 2;
                    let phone = stage.phone(number, carrier).await;
                    let made_by = number + 1;
                    stage.enrolled.set(device(made_by), crate::hub::Standing::Enrolled(author));
                    tried += 1;
                    let may_carry = match what {
                        Try::Edit(_) => is_allowed(carrier, document, what),
                        _ => carrier.access(&document).may_write(),
                    };
                    let allowed = may_carry && is_allowed(author, document, what);
                    let label = format!("{carrier} carries {what:?} of {author} in {document}");
                    if !Stage::opens(&phone, document).await {
                        assert!(!allowed, "{label}");
                        continue;
                    }
                    let actor = device(made_by).actor([1; 8]);
                    let change = phone.edit(document, actor, edit(document, made_by, what)).hash();
                    settled(&phone, document, change).await;
                    let notices = phone.look(|state| state.notices.clone());
                    assert_eq!(stage.holds(document, change).await, allowed, "{label}: {notices:?}");
                    let_in += usize::from(allowed);
                }
            }
        }
    }
    println!("{tried} carried changes tried: {let_in} let in, {} refused", tried - let_in);
    assert!(tried > 500 && let_in > 30);
}
