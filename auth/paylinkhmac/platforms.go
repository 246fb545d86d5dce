package paylinkhmac

import "slices"

// A Platform is a known brand of the family.
type Platform struct {
	Domain string // the API is at https://api.DOMAIN/v1.0/, the pages at INSTANCE.DOMAIN
	Name   string // "" where the domain is the name
	Source string // who says so
}

// BaseURL returns the value for [Config.BaseURL].
func (p Platform) BaseURL() string { return "https://api." + p.Domain }

// Platforms returns the platforms that public documents name, sorted by domain,
// as of November 2026. The list is neither complete nor a list of what is
// allowed: such lists churn, and any https base URL works. None of them was
// called to make it.
func Platforms() []Platform { return slices.Clone(platforms) }

const wooCommerce = "payrexx/woocommerce-payrexx-gateway includes/settings/payrexx_settings.php (71ccdb4)"

var platforms = []Platform{
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
