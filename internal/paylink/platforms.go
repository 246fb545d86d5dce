package paylink

import (
	"fmt"
	"strings"

	"github.com/countersign/countersign/auth"
)

const wooCommerce = "payrexx/woocommerce-payrexx-gateway includes/settings/payrexx_settings.php (71ccdb4)"

// Platforms are the brands that public documents name, sorted by domain: the domain,
// the name if it is another, and who says so. The API is at https://api.DOMAIN, the
// pages are at INSTANCE.DOMAIN.
var Platforms = []struct{ Domain, Name, Source string }{
	{"1pay.ch", "", wooCommerce},
	{"4else.de", "", wooCommerce},
	{"bkpos-pay.com", "", wooCommerce},
	{"comvation.shop", "", wooCommerce},
	{"deinshop.online", "", wooCommerce},
	{"go2flow.finance", "", wooCommerce},
	{"guvoto-pay.ch", "", "payrexx/shopware6-payrexx-gateway, Resources/config/settings.xml"},
	{"ideal-pay.ch", "", wooCommerce},
	{"loop-pay.com", "", wooCommerce},
	{"loxopay.ch", "", wooCommerce},
	{"nets-pay.link", "Checkout Paylink (Nexi)", "developer.nexigroup.com, nexi-checkout, api/paylink-v1"},
	{"okepay.info", "OkePay", "okepay/okepay-php lib/OkePay/Communicator.php (2528814)"},
	{"onlinezahlen.ch", "", "w4holding/w4_payrexx Classes/Utility/Payrexx.php"},
	{"pay.boukii.com", "", wooCommerce},
	{"pay.boulderado.app", "", wooCommerce},
	{"pay.weblandschaft.ch", "", wooCommerce},
	{"paydirect.ch", "", wooCommerce},
	{"paymentmasta.com", "", wooCommerce},
	{"payrexx.aboon.ch", "", wooCommerce},
	{"payrexx.com", "Payrexx", wooCommerce},
	{"payrexx.naka.com", "", wooCommerce},
	{"payzzter.com", "", wooCommerce},
	{"select2pay.at", "", "payrexx/shopware6-payrexx-gateway, Resources/config/settings.xml"},
	{"shop-and-pay.com", "Shop & Pay", wooCommerce},
	{"spenden-grunliberale.ch", "", wooCommerce},
	{"swissbrain-pay.ch", "", wooCommerce},
	{"uconekt-pay.com", "uConekt", "uConekt/payrexx-php lib/Uconektpay/Communicator.php"},
	{"vr-pay-secure.de", "VR pay secure", "vr-pay/vr-pay-secure lib/VRpay/Communicator.php (20d7ccb)"},
	{"wawipay.com", "", "payrexx/gambio-payrexx-gateway, PayrexxConfig.php"},
	{"zahls.ch", "zahls.ch", wooCommerce},
}

// checkHost refuses the host of an account's pages, where the API is not.
func checkHost(origin auth.Origin, instance string) error {
	host := strings.TrimPrefix(origin.String(), "https://")
	label := strings.ToLower(instance)
	for _, p := range Platforms {
		if host == p.Domain || host == "www."+p.Domain || host == label+"."+p.Domain && label != "api" {
			return fmt.Errorf("%s has the pages, and the API is at https://api.%s: give that as the base URL", origin, p.Domain)
		}
	}
	return nil
}
