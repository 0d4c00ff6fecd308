//! The ledger's pages, as a browser without scripts uses them.

use super::{House, balance, found, id, wallet};

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_sign_in_page_and_back() {
    let house = House::new().await;
    for page in ["/transactions", "/wallets", "/month", "/profile/book"] {
        let answer = house.app.get(page).await;
        assert_eq!(answer.status, 303);
        let to = answer.header("location").expect("a place").to_owned();
        assert_eq!(to, format!("/sign-in?next={page}"));
    }
    house.end().await;
}

#[tokio::test]
async fn somebody_makes_a_wallet_writes_a_purchase_down_and_finds_it() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    let empty = ada.get("/transactions").await;
    assert!(empty.body.contains("First you need a wallet"));
    let fields = [
        ("name", "Purse"),
        ("kind", "cash"),
        ("currency", "EUR"),
        ("balance", "100,00"),
    ];
    let made = ada.form("/wallets", &fields).await;
    assert_eq!(made.status, 303, "{made:?}");
    assert!(ada.get("/wallets").await.body.contains("100.00 EUR"));

    let purse = id(&found(&mut ada, "/api/v1/wallets").await["wallets"][0]);
    let bought = [
        ("do", "create"),
        ("way", "out"),
        ("amount", "12.50"),
        ("wallet_id", &purse),
        ("date", "1970-01-01"),
        ("payee", "Corner <Shop>"),
        ("category_id", ""),
        ("tags", "food, daily"),
        ("note", "Milk"),
    ];
    let written = ada.form("/transactions", &bought).await;
    assert_eq!(written.status, 303, "{written:?}");
    assert_eq!(balance(&mut ada, &purse).await, 8750);
    let page = ada.get("/transactions?text=corner").await;
    assert!(
        page.body.contains("Corner &lt;Shop&gt;") && page.body.contains("-12.50 EUR"),
        "{page:?}"
    );
    assert!(
        ada.get("/transactions?text=elsewhere")
            .await
            .body
            .contains("Nothing is like that")
    );
    house.end().await;
}

#[tokio::test]
async fn a_form_comes_back_with_what_was_typed_and_what_was_wrong() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;

    let fields = [
        ("do", "create"),
        ("way", "out"),
        ("amount", "a lot"),
        ("wallet_id", &bank),
        ("date", "1970-02-31"),
        ("payee", "Shop"),
        ("category_id", ""),
        ("tags", ""),
        ("note", "Kept"),
    ];
    let again = ada.form("/transactions", &fields).await;

    assert_eq!(again.status, 422);
    for shown in ["2 things need", "a lot", "1970-02-31", "Kept"] {
        assert!(again.body.contains(shown), "{shown}");
    }
    let same = [
        ("do", "create"),
        ("way", "move"),
        ("amount", "1"),
        ("wallet_id", &bank),
        ("to_wallet_id", &bank),
        ("received", ""),
        ("date", "1970-01-01"),
        ("payee", ""),
        ("category_id", ""),
        ("tags", ""),
        ("note", ""),
    ];
    let again = ada.form("/transactions", &same).await;
    assert_eq!(again.status, 422);
    assert_eq!(balance(&mut ada, &bank).await, 0);
    house.end().await;
}

#[tokio::test]
async fn a_transaction_is_changed_deleted_and_taken_back() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let yen = wallet(&mut ada, "Yen", "JPY", 0).await;
    let mut fields = vec![
        ("do", "create"),
        ("way", "move"),
        ("amount", "50"),
        ("wallet_id", bank.as_str()),
        ("to_wallet_id", &yen),
        ("received", "8000"),
        ("date", "1970-01-02"),
        ("payee", ""),
        ("category_id", ""),
        ("tags", ""),
        ("note", ""),
    ];
    assert_eq!(ada.form("/transactions", &fields).await.status, 303);
    assert_eq!(
        (
            balance(&mut ada, &bank).await,
            balance(&mut ada, &yen).await
        ),
        (5000, 8000)
    );
    let list = found(
        &mut ada,
        "/api/v1/transactions?from=1970-01-02&to=1970-01-02",
    )
    .await;
    let page = format!("/transactions/{}", id(&list["transactions"][0]));
    let form = ada.get(&page).await;
    assert!(
        form.body.contains("8000") && form.body.contains("50.00"),
        "{form:?}"
    );

    fields[0] = ("do", "change");
    fields[2] = ("amount", "60");
    fields.push(("version", "1"));
    assert_eq!(ada.form(&page, &fields).await.status, 303);
    assert_eq!(balance(&mut ada, &bank).await, 4000);
    let stale = ada.form(&page, &fields).await;
    assert_eq!(stale.status, 409, "{stale:?}");

    let gone = ada.form(&page, &[("do", "delete"), ("version", "2")]).await;
    assert_eq!(gone.status, 303);
    let to = gone.header("location").expect("a place").to_owned();
    assert_eq!(balance(&mut ada, &bank).await, 10_000);
    let undo = ada.get(&to).await;
    assert!(undo.body.contains("Take it back"));
    let deleted = to.rsplit_once('=').expect("an id").1.to_owned();
    let back = ada
        .form("/transactions", &[("do", "restore"), ("id", &deleted)])
        .await;
    assert_eq!(back.status, 303, "{back:?}");
    assert_eq!(balance(&mut ada, &bank).await, 4000);
    house.end().await;
}
