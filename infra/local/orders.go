package main

// ordersOutput is the stack output that has the address of the orders function.
const ordersOutput = "OrdersUrl"

// An order is what the demo sends, as infra/functions/orders takes it. Both hold a password and a card
// number, to see that they are hidden.
type order struct {
	title string
	body  string
}

// orders are a good one and one that the shipping service refuses.
func orders() []order {
	return []order{
		{
			"a good order",
			`{"order_id":"good-1","customer":{"email":"ada@example.com","password":"correct horse"},"card_number":"4111 1111 1111 1111",` +
				`"ship_to":"12 Analytical Row","items":[{"sku":"tea","quantity":2},{"sku":"mug","quantity":1}]}`,
		},
		{
			"a bad order: no carrier goes to its address",
			`{"order_id":"bad-1","customer":{"email":"bob@example.com","password":"battery staple"},"card_number":"5500 0000 0000 0004",` +
				`"ship_to":"nowhere","items":[{"sku":"anvil","quantity":1},{"sku":"rope","quantity":9}]}`,
		},
	}
}
