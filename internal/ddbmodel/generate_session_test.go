package ddbmodel_test

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// sessionWrite is a write as package dynamo sends it for sessions, marks and blocks
// of tokens, with values at random.
func (g *generator) sessionWrite() *dynamodb.UpdateItemInput {
	in := g.update()
	var set, remove []string
	assign := func(attrs ...string) {
		for _, attr := range attrs {
			set = append(set, "#"+attr+" = :"+attr)
			in.ExpressionAttributeNames["#"+attr] = attr
			in.ExpressionAttributeValues[":"+attr] = g.typical(attr)
		}
	}
	drop := func(attrs ...string) {
		for _, attr := range attrs {
			remove = append(remove, "#"+attr)
			in.ExpressionAttributeNames["#"+attr] = attr
		}
	}
	mine := func() string {
		in.ExpressionAttributeNames["#guid"] = "guid"
		in.ExpressionAttributeValues[":oldest"] = &types.AttributeValueMemberS{Value: ids[0] + "/0000000000"}
		in.ExpressionAttributeValues[":newest"] = &types.AttributeValueMemberS{Value: g.revision()}
		return "#guid BETWEEN :oldest AND :newest"
	}
	where := ""
	switch g.IntN(5) {
	case 0: // bind
		assign("guid", "expiresOn", "session")
		drop("purgeAt")
		where = mine()
	case 1: // end a session that was seen
		assign("guid", "expiresOn")
		drop("ttl", "owner", "acquired")
		in.ExpressionAttributeValues[":seen"] = g.typical("guid")
		where = "#guid = :seen"
	case 2: // and one that was not
		assign("guid", "expiresOn", "token")
		drop("ttl", "owner", "acquired")
		where = "attribute_not_exists(#guid)"
	case 3: // mark
		assign("wanted")
		where = mine()
	case 4: // acquire, with a block of tokens
		assign("guid", "expiresOn", "token")
		drop("session", "wanted")
		in.ExpressionAttributeValues[":zero"] = &types.AttributeValueMemberN{Value: "0"}
		in.ExpressionAttributeValues[":first"] = g.typical("token")
		where = "((attribute_not_exists(#guid) AND attribute_not_exists(#expiresOn)) OR #expiresOn = :zero) AND (attribute_not_exists(#token) OR #token < :first)"
	}
	finish(in, set, remove, where)
	return in
}
