package cloud

import (
	"context"
	"fmt"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// Addresses are the function URLs and APIs of a MiniStack, by what they are and with addresses that work on this machine. Those that
// were told before are left out.
func (c *Cloud) Addresses(ctx context.Context) ([]deployed.Address, error) {
	if c.kind != KindOwn && c.kind != KindMiniStack {
		return nil, nil // nobody brings them here
	}
	found, err := c.client.Addresses(ctx, c.Functions())
	if err != nil {
		return nil, fmt.Errorf("look for function URLs and APIs: %w", err)
	}
	var fresh []deployed.Address
	for _, address := range found {
		if address.URL, err = c.front.Localise(address.URL); err != nil {
			return nil, fmt.Errorf("%s: %w", address.What, err)
		}
		c.mu.Lock()
		if c.told[address.What] != address.URL {
			c.told[address.What] = address.URL
			fresh = append(fresh, address)
		}
		c.mu.Unlock()
	}
	return fresh, nil
}
